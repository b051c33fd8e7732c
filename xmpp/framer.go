package xmpp

import "bytes"

// FrameKind says what a [Framer] found.
type FrameKind uint8

// What a stream consists of.
const (
	NeedMore       FrameKind = iota // nothing complete yet: read more bytes
	StreamOpen                      // the start tag of the stream
	StreamElement                   // one complete element inside the stream
	StreamTooLarge                  // one complete element above MaxIncomingBytes; Bytes is only its beginning
	StreamClose                     // the end tag of the stream
)

// A Frame is a piece of a stream.
type Frame struct {
	Kind  FrameKind
	Bytes []byte // valid until the next call of Space
}

// Sizes of a Framer's buffer, in octets.
const (
	frameChunk    = 32 << 10 // free space offered for one read
	frameKept     = 8 << 10  // beginning of a too large element that is kept, to answer its sender
	maxStreamOpen = 16 << 10 // start tag of the stream, XML declaration included
)

// A Framer cuts the bytes of an XML stream into its start tag and the elements in it, without reading them: it only counts
// tags. Memory is bounded: a larger element than [MaxIncomingBytes] is skipped while it arrives. Usage:
//
//	n, err := conn.Read(f.Space())
//	f.Filled(n)
//	for { frame, err := f.Next(); ...; if frame.Kind == NeedMore { break } }
type Framer struct {
	buf     []byte
	start   int // where the unfinished frame begins
	i       int // next octet to look at
	before  int // octets of the stream before buf
	depth   int // open elements, the stream included
	state   frameState
	quote   byte
	matched int    // octets of "[CDATA[" or "]]>" or "?>" seen
	slash   bool   // the tag's last octet so far is "/"
	skipped []byte // beginning of the too large element being skipped
}

type frameState uint8

const (
	inText frameState = iota
	inOpen
	inStartTag
	inQuote
	inEndTag
	inBang
	inCDATA
	inDeclaration
)

// Space is where to read the next bytes into.
func (f *Framer) Space() []byte {
	if f.start > 0 {
		n := copy(f.buf, f.buf[f.start:])
		f.buf = f.buf[:n]
		f.before += f.start
		f.i -= f.start
		f.start = 0
	}
	if len(f.buf) == 0 && cap(f.buf) > 4*frameChunk {
		f.buf = nil // a large element has passed, do not keep its memory
	}
	if free := cap(f.buf) - len(f.buf); free < frameChunk/2 {
		grown := make([]byte, len(f.buf), 2*len(f.buf)+frameChunk)
		copy(grown, f.buf)
		f.buf = grown
	}
	return f.buf[len(f.buf):cap(f.buf)]
}

// Filled says how many bytes were read into the last Space.
func (f *Framer) Filled(n int) { f.buf = f.buf[:len(f.buf)+n] }

// Next gives the next piece. The error is a *[SyntaxError], after which the stream cannot be read further.
func (f *Framer) Next() (Frame, error) {
	for f.i < len(f.buf) {
		kind, err := f.step()
		if err != nil {
			return Frame{}, err
		}
		if kind != NeedMore {
			return f.emit(kind), nil
		}
	}
	return Frame{}, f.limit()
}

// limit keeps an unfinished frame small.
func (f *Framer) limit() error {
	size := f.i - f.start
	switch {
	case f.depth == 0 && size > maxStreamOpen:
		return f.bad("the start tag of the stream is too long")
	case f.skipped != nil:
		f.start = f.i
	case size > MaxIncomingBytes:
		f.skipped = bytes.Clone(f.buf[f.start : f.start+frameKept])
		f.start = f.i
	}
	return nil
}

func (f *Framer) emit(kind FrameKind) Frame {
	frame := Frame{Kind: kind, Bytes: f.buf[f.start:f.i]}
	if kind == StreamElement {
		switch {
		case f.skipped != nil:
			frame = Frame{StreamTooLarge, f.skipped}
			f.skipped = nil
		case len(frame.Bytes) > MaxIncomingBytes:
			frame = Frame{StreamTooLarge, frame.Bytes[:frameKept]}
		}
	}
	f.start = f.i
	return frame
}

func (f *Framer) bad(rule string) error { return &SyntaxError{Offset: f.before + f.i, Rule: rule} }

// step looks at some octets, at least one, and says whether something is complete.
func (f *Framer) step() (FrameKind, error) {
	rest := f.buf[f.i:]
	switch f.state {
	case inText:
		return NeedMore, f.text(rest)
	case inOpen:
		return NeedMore, f.open(rest[0])
	case inStartTag:
		return f.startTag(rest)
	case inQuote:
		if n := bytes.IndexByte(rest, f.quote); n >= 0 {
			f.i += n + 1
			f.state = inStartTag
		} else {
			f.i = len(f.buf)
		}
	case inEndTag:
		return f.endTag(rest)
	case inBang:
		const open = "[CDATA["
		if rest[0] != open[f.matched] {
			return NeedMore, f.bad("comments and declarations are not allowed (RFC 6120 §11.1)")
		}
		f.i++
		if f.matched++; f.matched == len(open) {
			f.state, f.matched = inCDATA, 0
		}
	case inCDATA:
		f.until(rest[0], ']', 2)
	case inDeclaration:
		f.until(rest[0], '?', 1)
	}
	return NeedMore, nil
}

// until waits for at least n times mark and then ">".
func (f *Framer) until(c, mark byte, n int) {
	f.i++
	switch {
	case c == mark:
		f.matched++
	case c == '>' && f.matched >= n:
		f.state, f.matched = inText, 0
		if f.depth == 0 {
			f.start = f.i // the XML declaration is not part of the start tag
		}
	default:
		f.matched = 0
	}
}

func (f *Framer) text(rest []byte) error {
	n := bytes.IndexByte(rest, '<')
	text := rest
	if n >= 0 {
		text = rest[:n]
	}
	if f.depth <= 1 {
		for k, c := range text {
			if !isSpace(c) {
				f.i += k
				return f.bad("text between the elements of a stream")
			}
		}
	}
	f.i += len(text)
	if f.depth <= 1 {
		f.start = f.i
	}
	if n >= 0 {
		f.i++
		f.state = inOpen
	}
	return nil
}

func (f *Framer) open(c byte) error {
	switch {
	case c == '/' && f.depth > 0:
		f.state = inEndTag
	case c == '!' && f.depth > 1:
		f.state, f.matched = inBang, 0
	case c == '?' && f.depth == 0:
		f.state, f.matched = inDeclaration, 0
	case c == '/' || c == '!' || c == '?':
		return f.bad("comments, processing instructions and declarations are not allowed (RFC 6120 §11.1)")
	default:
		f.state, f.slash = inStartTag, false
		return nil // the octet belongs to the name, or is a ">" that ends an empty name
	}
	f.i++
	return nil
}

func (f *Framer) startTag(rest []byte) (FrameKind, error) {
	n := 0
	for n < len(rest) && rest[n] != '>' && rest[n] != '\'' && rest[n] != '"' {
		n++
	}
	if n > 0 {
		f.slash = rest[n-1] == '/'
	}
	f.i += n
	if n == len(rest) {
		return NeedMore, nil
	}
	f.i++
	if c := rest[n]; c != '>' {
		f.state, f.quote, f.slash = inQuote, c, false
		return NeedMore, nil
	}
	f.state = inText
	switch {
	case f.depth == 0 && f.slash:
		return NeedMore, f.bad("the stream is an empty element")
	case f.depth == 0:
		f.depth = 1
		return StreamOpen, nil
	case !f.slash:
		f.depth++
	case f.depth == 1:
		return StreamElement, nil
	}
	return NeedMore, nil
}

func (f *Framer) endTag(rest []byte) (FrameKind, error) {
	n := bytes.IndexByte(rest, '>')
	if n < 0 {
		f.i = len(f.buf)
		return NeedMore, nil
	}
	f.i += n + 1
	f.state = inText
	f.depth--
	switch f.depth {
	case 0:
		return StreamClose, nil
	case 1:
		return StreamElement, nil
	}
	return NeedMore, nil
}
