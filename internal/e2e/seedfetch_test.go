package e2e

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"anteroom/internal/servertest"
	"anteroom/internal/servertest/stack"
	"anteroom/xmpp"
)

// assetHost is a name and a port of this machine that nobody uses.
func assetHost() (string, error) {
	addr, err := servertest.FreeAddr()
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(addr)
	return "localhost:" + port, err
}

// assetServer is where XMPP users upload files (XEP-0363), with a certificate of the authority that all trust.
type assetServer struct {
	files map[string][]byte
	trust *x509.CertPool

	mu    sync.Mutex
	asked []string // path and headers
}

// serveAssets serves files at a host until the scene ends.
func (p *scene) serveAssets(host string, files map[string][]byte) *assetServer {
	p.Helper()
	if out, err := command(p.T, anteroomBinary, "ca", "issue", "--dir", p.here.Dir, "localhost"); err != nil {
		p.Fatalf("ca issue: %v\n%s", err, out)
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(p.here.Dir, "localhost.pem"), filepath.Join(p.here.Dir, "localhost.key"))
	p.must(err)
	ca, err := os.ReadFile(filepath.Join(p.here.Dir, "ca.pem"))
	p.must(err)
	s := &assetServer{files: files, trust: x509.NewCertPool()}
	s.trust.AppendCertsFromPEM(ca)
	l, err := net.Listen("tcp", strings.Replace(host, "localhost", "127.0.0.1", 1))
	p.must(err)
	server := &http.Server{Handler: s, TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}}}
	go server.ServeTLS(l, "", "")
	p.Cleanup(func() { server.Close() })
	return s
}

func (s *assetServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.Header))
	s.mu.Unlock()
	data, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(data)
}

// requests are those since the last call.
func (s *assetServer) requests() (asked []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked, s.asked = s.asked, nil
	return asked
}

// get fetches a file as an XMPP client does, from where it is.
func (s *assetServer) get(url string) ([]byte, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.trust}, DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// fetched: an XMPP user shares files. XMPP users of another provider get the links as they are; a native user fetches by way of the room's hub, which
// goes to hosts of its list, into networks of its list, and nowhere else (draft-ietf-mimi-protocol-06 §5.10.2, docs/decisions/124-downloads.md).
func fetched(p *scene) {
	garden, uri := room("fetched")
	there := far("fetched")
	theirs, theirsURI := "fetched@rooms."+otherDomain, "mimi://"+otherDomain+"/r/fetched"
	p.enters(p.juliet, garden, "juliet")
	p.enters(p.benvolio, there, "benvolio")
	p.enters(p.benvolio, theirs, "benvolio")
	for _, room := range []string{uri, theirsURI} {
		p.joins(p.cathy, room)
	}
	p.sees(p.juliet, garden, "benvolio", "", "")
	p.sees(p.juliet, garden, "cathy", "", "")
	p.sees(p.benvolio, theirs, "cathy", "", "")

	picture, key, nonce := make([]byte, 300_000), make([]byte, 32), make([]byte, 12)
	for _, b := range [][]byte{picture, key, nonce} {
		rand.Read(b)
	}
	block, err := aes.NewCipher(key)
	p.must(err)
	gcm, err := cipher.NewGCM(block)
	p.must(err)
	sealed := gcm.Seal(nil, nonce, picture, nil)
	assets := p.serveAssets(p.assets, map[string][]byte{"/balcony.png": picture, "/sealed": sealed, "/changed": picture[1:]})
	at := func(path string) string { return "https://" + p.assets + path }
	b64 := base64.StdEncoding.EncodeToString
	plainSum, sealedSum := sha256.Sum256(picture), sha256.Sum256(sealed)
	share := func(id, payload string) *stack.Line {
		p.Helper()
		p.must(p.juliet.Send("<message to='" + garden + "' type='groupchat' id='" + id + "'>" + payload + "</message>"))
		return p.expects(p.cathy, "the file "+id, func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri && len(l.Files) == 1 })
	}
	linked := func(space, name string) (e *xmpp.Element) {
		p.Helper()
		_, err := p.benvolio.Expect(p.step(), "the file", func(st *xmpp.Stanza) bool {
			e = st.Child(space, name)
			return st.Kind == xmpp.Message && st.From.String() == there+"/juliet" && e != nil
		})
		p.must(err)
		return e
	}
	outcome := func(room, url, path, kind string) *stack.Line {
		p.Helper()
		p.tells(p.cathy, "fetch %s %s %s", room, url, path)
		l := p.expects(p.cathy, "what becomes of "+url, func(l *stack.Line) bool {
			return l.Type == "fetched" || l.Command == "fetch" || l.Type == "error" && strings.HasPrefix(l.Text, "fetch:")
		})
		if l.Type != kind {
			p.Errorf("%s: %+v, want %s", url, l, kind)
		}
		return l
	}
	brings := func(url string) {
		p.Helper()
		path := filepath.Join(p.TempDir(), "file")
		assets.requests()
		outcome(uri, url, path, "fetched")
		got, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(got, picture) {
			p.Errorf("%s: %d bytes of %d, %v", url, len(got), len(picture), err)
		}
		asked := assets.requests()
		if len(asked) != 1 || strings.Contains(asked[0], "User-Agent") || strings.Contains(asked[0], "example") {
			p.Errorf("%s was asked for as %q", url, asked)
		}
		if l := outcome(uri, url, path, "error"); !strings.Contains(l.Text, "exists") {
			p.Errorf("%s is written over what is there: %+v", url, l)
		}
	}

	// A link, as clients share what they uploaded (XEP-0363, XEP-0066).
	l := share("plain", "<body>"+at("/balcony.png")+"</body><x xmlns='jabber:x:oob'><url>"+at("/balcony.png")+"</url></x>")
	if want := (stack.File{URL: at("/balcony.png"), Name: "balcony.png", ContentType: "image/png"}); l.Files[0] != want || l.ContentType != "image/png" {
		p.Errorf("cathy is told of %+v, %s", l.Files, l.ContentType)
	}
	if got, err := assets.get(linked("jabber:x:oob", "x").ChildText("jabber:x:oob", "url")); err != nil || !bytes.Equal(got, picture) {
		p.Errorf("by the link come %d bytes of %d, %v", len(got), len(picture), err)
	}
	brings(at("/balcony.png"))

	// An encrypted file (XEP-0448).
	const files, metadata = "urn:xmpp:sfs:0", "urn:xmpp:file:metadata:0"
	encrypted := "<file-sharing xmlns='" + files + "' disposition='inline'><file xmlns='" + metadata + "'><media-type>image/png</media-type><name>night.png</name><size>" +
		strconv.Itoa(len(picture)) + "</size><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>" + b64(plainSum[:]) + "</hash></file><sources>" +
		"<encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:aes-256-gcm-nopadding:0'><key>" + b64(key) + "</key><iv>" + b64(nonce) + "</iv>" +
		"<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>" + b64(sealedSum[:]) + "</hash><sources xmlns='" + files + "'><url-data xmlns='http://jabber.org/protocol/url-data' target='" +
		at("/sealed") + "'/></sources></encrypted></sources></file-sharing>"
	l = share("sealed", "<body>night</body>"+encrypted)
	if want := (stack.File{URL: at("/sealed"), Name: "night.png", ContentType: "image/png", Size: uint64(len(picture)), Encrypted: true}); l.Files[0] != want || l.Body != "night" {
		p.Errorf("cathy is told %q of %+v", l.Body, l.Files)
	}
	want, err := xmpp.ParseElement([]byte(encrypted))
	p.must(err)
	if got := linked(files, "file-sharing"); got.String() != want.String() {
		p.Errorf("benvolio gets\n%s\nwant\n%s", got, want)
	}
	brings(at("/sealed"))

	// What is not the file that was shared, is not there, or is elsewhere.
	fails := func(id, url, more, kind, why string, status int) {
		p.Helper()
		share(id, "<body>"+id+"</body><file-sharing xmlns='"+files+"'><file xmlns='"+metadata+"'>"+more+"</file><sources><url-data xmlns='http://jabber.org/protocol/url-data' target='"+url+
			"'/></sources></file-sharing>")
		path := filepath.Join(p.TempDir(), "file")
		if l := outcome(uri, url, path, kind); !strings.Contains(l.Text, why) || l.Status != status {
			p.Errorf("%s: %+v, want %d and %q", url, l, status, why)
		}
		if _, err := os.Stat(path); err == nil {
			p.Errorf("%s is written", url)
		}
	}
	_, port, _ := net.SplitHostPort(p.here.AdminAddr)
	fails("changed", at("/changed"), "<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>"+b64(plainSum[:])+"</hash>", "error", "hash differs", 0)
	fails("gone", at("/gone"), "", "refused", "no such asset", http.StatusNotFound)
	assets.requests()
	fails("another port", "https://localhost:"+port+"/metrics", "", "refused", "no asset server", http.StatusForbidden)
	fails("by number", strings.Replace(at("/balcony.png"), "localhost", "127.0.0.1", 1), "", "refused", "no asset server", http.StatusForbidden)
	fails("not encrypted on the way", "http://"+p.assets+"/balcony.png", "", "refused", "no https url", http.StatusForbidden)
	if l := outcome(uri, at("/never-shared"), filepath.Join(p.TempDir(), "file"), "error"); !strings.Contains(l.Text, "nobody shared") {
		p.Errorf("what nobody shared: %+v", l)
	}

	// The other provider has the host on its list, and no network of this machine.
	p.must(p.benvolio.Send("<message to='" + theirs + "' type='groupchat'><body>" + at("/balcony.png") + "</body><x xmlns='jabber:x:oob'><url>" + at("/balcony.png") + "</url></x></message>"))
	p.expects(p.cathy, "the file there", func(l *stack.Line) bool { return l.Type == "message" && l.Room == theirsURI && len(l.Files) == 1 })
	if l := outcome(theirsURI, at("/balcony.png"), filepath.Join(p.TempDir(), "file"), "refused"); l.Status != http.StatusBadGateway || !strings.Contains(l.Text, "cannot be reached") {
		p.Errorf("into a private network: %+v", l)
	}
	if asked := assets.requests(); len(asked) > 0 {
		p.Errorf("what is not to be fetched is asked for: %q", asked)
	}
}
