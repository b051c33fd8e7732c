package xmpp

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// frames feeds a stream in pieces of n octets and gives what the framer found, one line for each frame.
func frames(stream string, n int) ([]string, error) {
	var f Framer
	var found []string
	for in := stream; ; {
		k := copy(f.Space(), in[:min(n, len(in))])
		f.Filled(k)
		in = in[k:]
		for {
			frame, err := f.Next()
			if err != nil {
				return found, err
			}
			if frame.Kind == NeedMore {
				break
			}
			found = append(found, fmt.Sprintf("%d %s", frame.Kind, frame.Bytes))
		}
		if in == "" {
			return found, nil
		}
	}
}

const streamHead = `<?xml version='1.0'?> <stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='a>b'>`

func TestFramer(t *testing.T) {
	elements := []string{
		`<handshake/>`, `<message><body>a</body></message>`, `<presence a='/>' b=">"/>`, `<iq ><x  /><y/ ></y></iq>`,
		`<message><![CDATA[</message>]]]]></message>`, `<a/>`,
	}
	stream := streamHead + strings.Join(elements, " \n") + "\n</stream:stream >"
	want := []string{fmt.Sprintf("%d %s", StreamOpen, streamHead[strings.Index(streamHead, "<stream"):])}
	for _, e := range elements {
		want = append(want, fmt.Sprintf("%d %s", StreamElement, e))
	}
	want = append(want, fmt.Sprintf("%d </stream:stream >", StreamClose))
	for _, n := range []int{1, 2, 3, 7, 50, 1 << 20} {
		got, err := frames(stream, n)
		if err != nil {
			t.Fatalf("in pieces of %d: %v", n, err)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("in pieces of %d: got\n%s\nwant\n%s", n, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestFramerRefuses(t *testing.T) {
	for _, stream := range []string{
		"HTTP/1.1 400 Bad Request", "\x15\x03\x01\x00\x02\x02", "</stream>", "<!DOCTYPE x>", "<stream/>",
		streamHead + "text", streamHead + "<!-- x -->", streamHead + "<a><!-- x --></a>", streamHead + "<?pi?>",
		streamHead + "<a><?pi?></a>", "<stream " + strings.Repeat("a", maxStreamOpen),
	} {
		got, err := frames(stream, 100)
		var se *SyntaxError
		if !errors.As(err, &se) {
			t.Errorf("%.60q gave %q, %v", stream, got, err)
		}
	}
}

func TestFramerSkipsWhatIsTooLarge(t *testing.T) {
	large := "<message from='a@b'><body>" + strings.Repeat("<x/>", MaxIncomingBytes) + "</body></message>"
	for _, n := range []int{1000, frameChunk, len(large)} {
		var f Framer
		largest := 0
		var got []string
		for in := streamHead + large + "<a/>"; in != ""; {
			k := copy(f.Space(), in[:min(n, len(in))])
			f.Filled(k)
			in = in[k:]
			largest = max(largest, cap(f.buf))
			for {
				frame, err := f.Next()
				if err != nil {
					t.Fatal(err)
				}
				if frame.Kind == NeedMore {
					break
				}
				got = append(got, fmt.Sprintf("%d %.19s", frame.Kind, frame.Bytes))
			}
		}
		want := []string{"1 <stream:stream xmln", "3 <message from='a@b'", "2 <a/>"}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("in pieces of %d: got %q, want %q", n, got, want)
		}
		if largest > 3*MaxIncomingBytes {
			t.Errorf("in pieces of %d: the buffer grew to %d octets", n, largest)
		}
	}
}

// What the framer calls one element must be one element for the parser too, and pieces must not matter.
func FuzzFramer(f *testing.F) {
	f.Add([]byte("<a/><b x='>'>t<![CDATA[]]]></b></s>"))
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err := frames("<s>"+string(in), 1<<20)
		small, err2 := frames("<s>"+string(in), 1)
		if strings.Join(whole, "\n") != strings.Join(small, "\n") || (err == nil) != (err2 == nil) {
			t.Fatalf("whole %q %v, in pieces %q %v", whole, err, small, err2)
		}
		for _, w := range whole {
			kind, b, _ := strings.Cut(w, " ")
			if kind != fmt.Sprint(StreamElement) {
				continue
			}
			// A well-formed beginning has no second element behind it.
			var se *SyntaxError
			if _, err := ParseElement([]byte(b)); errors.As(err, &se) && strings.Contains(se.Rule, "more than one") {
				t.Fatalf("%q is more than one element", b)
			}
		}
	})
}

func BenchmarkFramer(b *testing.B) {
	stanza := []byte(`<message from='juliet@a.example/balcony' to='garden@rooms.a.example' type='groupchat' id='q1'><body>Wherefore art thou?</body></message>`)
	chunk := bytes.Repeat(stanza, 100)
	var f Framer
	copy(f.Space(), "<s>")
	f.Filled(3)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		for in := chunk; len(in) > 0; {
			n := copy(f.Space(), in)
			in = in[n:]
			f.Filled(n)
			for {
				fr, err := f.Next()
				if err != nil {
					b.Fatal(err)
				}
				if fr.Kind == NeedMore {
					break
				}
			}
		}
	}
}
