package content

import (
	"encoding/base64"
	"net/url"
	"path"
	"strconv"
	"strings"

	"anteroom/xmpp"
)

// Files: XEP-0066 §3 and XEP-0447, with the encryption of XEP-0448, as external parts. Who is in the room reads all of it on either side,
// so the key of an encrypted file goes to XMPP clients too, like any other word of the message.

const (
	nsFiles    = "urn:xmpp:sfs:0"           // XEP-0447
	nsEncFiles = "urn:xmpp:esfs:0"          // XEP-0448
	nsMetadata = "urn:xmpp:file:metadata:0" // XEP-0446
	nsHashes   = "urn:xmpp:hashes:2"        // XEP-0300
	nsURLData  = "http://jabber.org/protocol/url-data"
)

// MaxFiles is how many files of one message travel.
const MaxFiles = 32

// AEAD algorithms of external parts (IANA) and hashes (IANA Named Information) by their names in XMPP.
var (
	ciphers = map[uint16]string{1: "urn:xmpp:ciphers:aes-128-gcm-nopadding:0", 2: "urn:xmpp:ciphers:aes-256-gcm-nopadding:0"}
	hashes  = map[uint8]string{1: "sha-256", 7: "sha-384", 8: "sha-512", 10: "sha3-256", 12: "sha3-512"}
)

func fetchable(address string) bool {
	return (strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")) && len(address) <= MaxURL && xmpp.LegalText(address)
}

// files are the files that a message shares, each once.
func files(s *xmpp.Stanza) (parts []Part) {
	seen := map[string]bool{}
	add := func(p Part) {
		if fetchable(p.External.URL) && !seen[p.External.URL] && len(parts) < MaxFiles {
			seen[p.External.URL] = true
			parts = append(parts, p)
		}
	}
	for _, e := range s.Payload {
		if e.Is(nsFiles, "file-sharing") {
			add(sharedFile(e))
		}
	}
	for _, e := range s.Payload {
		if e.Is(nsOOB, "x") {
			address := strings.TrimSpace(e.ChildText(nsOOB, "url"))
			x := &ExternalPart{URL: address, Description: bounded(e.ChildText(nsOOB, "desc"), MaxURL)}
			if u, err := url.Parse(address); err == nil && path.Ext(u.Path) != "" {
				x.Filename = bounded(path.Base(u.Path), MaxType)
			}
			add(Part{Disposition: Attachment, Cardinality: External, ContentType: typeOf(x.Filename), External: x})
		}
	}
	return parts
}

func bounded(s string, n int) string {
	if len(s) > n {
		return ""
	}
	return s
}

// types are the media types of files that say no more than their name. The system's own table would be a file, and differ.
var types = map[string]string{".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp", ".svg": "image/svg+xml",
	".mp4": "video/mp4", ".webm": "video/webm", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".m4a": "audio/mp4", ".wav": "audio/wav",
	".pdf": "application/pdf", ".zip": "application/zip", ".txt": "text/plain"}

func typeOf(filename string) string {
	if t := types[strings.ToLower(path.Ext(filename))]; t != "" {
		return t
	}
	return "application/octet-stream"
}

// sharedFile reads an element of XEP-0447 with its first source that can be fetched.
func sharedFile(e *xmpp.Element) Part {
	p := Part{Disposition: Attachment, Cardinality: External, External: new(ExternalPart)}
	if e.Attr("disposition") == "inline" {
		p.Disposition = Inline
	}
	x := p.External
	file := e.Child(nsMetadata, "file")
	x.Filename, x.Description = bounded(file.ChildText(nsMetadata, "name"), MaxType), bounded(file.ChildText(nsMetadata, "desc"), MaxURL)
	x.Size, _ = strconv.ParseUint(file.ChildText(nsMetadata, "size"), 10, 64)
	if p.ContentType = bounded(file.ChildText(nsMetadata, "media-type"), MaxType); p.ContentType == "" {
		p.ContentType = typeOf(x.Filename)
	}
	sources, hashed := e.Child(nsFiles, "sources"), file
	if sealed := sources.Child(nsEncFiles, "encrypted"); sources.Child(nsURLData, "url-data") == nil && sealed != nil {
		for alg, name := range ciphers {
			if sealed.Attr("cipher") == name {
				x.Encryption, x.Key, x.Nonce = alg, unbase64(sealed.ChildText(nsEncFiles, "key")), unbase64(sealed.ChildText(nsEncFiles, "iv"))
			}
		}
		if x.Encryption == 0 {
			return p // of a cipher that MIMI has no number for
		}
		sources, hashed = sealed.Child(nsFiles, "sources"), sealed
	}
	x.URL = sources.Child(nsURLData, "url-data").Attr("target")
	for _, h := range hashed.ChildrenNamed(nsHashes, "hash") {
		for alg, name := range hashes {
			if h.Attr("algo") == name && x.Hash == 0 {
				x.Hash, x.ContentHash = alg, unbase64(h.Text())
			}
		}
	}
	return p
}

func unbase64(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil || len(b) == 0 || len(b) > MaxURL {
		return nil
	}
	return b
}

// fileSharing is an external part as XEP-0447 has it, and XEP-0066 where the address can be opened as it is.
func fileSharing(p *Part) []*xmpp.Element {
	x := p.External
	if !fetchable(x.URL) || x.Encryption != 0 && ciphers[x.Encryption] == "" || len(x.AAD) > 0 {
		return nil
	}
	hash := func() *xmpp.Element {
		if name := hashes[x.Hash]; name != "" && len(x.ContentHash) > 0 {
			return xmpp.TextElement(nsHashes, "hash", base64.StdEncoding.EncodeToString(x.ContentHash)).WithAttr("algo", name)
		}
		return nil
	}()
	file := xmpp.NewElement(nsMetadata, "file")
	text := func(name, value string) {
		if value != "" {
			file.With(xmpp.TextElement(nsMetadata, name, legal(value)))
		}
	}
	text("media-type", p.ContentType)
	text("name", x.Filename)
	if x.Size > 0 {
		text("size", strconv.FormatUint(x.Size, 10))
	}
	text("desc", x.Description)
	if hash != nil && x.Encryption == 0 {
		file.With(hash)
	}
	sources := xmpp.NewElement(nsFiles, "sources").With(xmpp.NewElement(nsURLData, "url-data").WithAttr("target", x.URL))
	if x.Encryption != 0 {
		sealed := xmpp.NewElement(nsEncFiles, "encrypted").WithAttr("cipher", ciphers[x.Encryption]).With(
			xmpp.TextElement(nsEncFiles, "key", base64.StdEncoding.EncodeToString(x.Key)), xmpp.TextElement(nsEncFiles, "iv", base64.StdEncoding.EncodeToString(x.Nonce)))
		if hash != nil {
			sealed.With(hash)
		}
		sources = xmpp.NewElement(nsFiles, "sources").With(sealed.With(sources))
	}
	disposition := "attachment"
	if p.Disposition == Inline || p.Disposition == Render {
		disposition = "inline"
	}
	out := []*xmpp.Element{xmpp.NewElement(nsFiles, "file-sharing").WithAttr("disposition", disposition).With(file, sources)}
	if x.Encryption == 0 {
		oob := xmpp.NewElement(nsOOB, "x").With(xmpp.TextElement(nsOOB, "url", x.URL))
		if x.Description != "" {
			oob.With(xmpp.TextElement(nsOOB, "desc", legal(x.Description)))
		}
		out = append(out, oob)
	}
	return out
}

// filesText is the body of a message that has only files. fallback says that all of it stands in the other elements, too.
func filesText(files []*Part) (text string, fallback bool) {
	var lines []string
	fallback = len(files) > 0
	for _, p := range files {
		x := p.External
		label := x.Description
		if label == "" {
			label = x.Filename
		}
		if label == "" {
			label = p.ContentType
		}
		switch known := fileSharing(p) != nil; {
		case known && x.Encryption == 0:
			if x.Description != "" {
				lines = append(lines, x.Description)
			}
			lines = append(lines, x.URL)
		case known:
			lines = append(lines, "(encrypted attachment: "+label+")")
		default:
			lines = append(lines, "(attachment that cannot be opened here: "+label+")")
			fallback = false
		}
	}
	return strings.Join(lines, "\n"), fallback
}
