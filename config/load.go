package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// MaxFile is the largest configuration file, and the largest file of a single secret, in bytes.
const MaxFile = 1 << 20

// Error is one fault of a configuration. It is one line: FILE:LINE: KEY: what is wrong.
type Error struct {
	File string // path as given, or "environment"
	Line int    // from 1; 0: the fault has no line, such as a missing section
	Key  string // such as component.port, or the name of a variable; may be empty when the file is no TOML
	Rule string // what is wrong
}

func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += fmt.Sprintf(":%d", e.Line)
	}
	if e.Key != "" {
		s += ": " + e.Key
	}
	return s + ": " + e.Rule
}

// Load reads, completes and checks a configuration. environ is os.Environ(), or what a test gives. An error is an *Error, or several of them joined, a line
// each: every unknown key, and the first fault of each section.
func Load(path string, environ []string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, &Error{File: path, Rule: "cannot be read: " + cause(err)}
	}
	return Parse(path, text, environ)
}

// Parse is Load of a file whose bytes are at hand; path is what errors and relative paths refer to.
func Parse(path string, text []byte, environ []string) (*Config, error) {
	c := Default()
	src := source{file: path, lines: keyLines(text)}
	dec := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	err := dec.Decode(&c)
	unknown, strict := errors.AsType[*toml.StrictMissingError](err)
	if err != nil && !strict {
		return nil, src.decodeError(err)
	}
	var faults []error
	if strict {
		faults = src.unknownKeys(unknown)
	}
	faults = append(faults, src.environment(&c, environ))
	if err := src.complete(&c); err != nil {
		faults = append(faults, err)
	} else {
		faults = append(faults, src.check(&c)...)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return &c, nil
}

// source knows where values came from.
type source struct {
	file  string
	lines map[string]int    // key, or section, → line
	env   map[string]string // key → variable that overrides it
}

// fault is an Error about a key: at its variable, at its line, or at the line of its section.
func (s *source) fault(key, format string, args ...any) error {
	rule := fmt.Sprintf(format, args...)
	if name, ok := s.env[key]; ok {
		return &Error{File: "environment", Key: name, Rule: rule}
	}
	for at := key; ; {
		if line, ok := s.lines[at]; ok {
			return &Error{File: s.file, Line: line, Key: key, Rule: rule}
		}
		dot := strings.LastIndexByte(at, '.')
		if dot < 0 {
			return &Error{File: s.file, Key: key, Rule: rule}
		}
		at = at[:dot]
	}
}

// unknownKeys names each key that there is not, with the one that was probably meant.
func (s *source) unknownKeys(missing *toml.StrictMissingError) (faults []error) {
	for i := range missing.Errors {
		e := &missing.Errors[i]
		line, _ := e.Position()
		key := strings.Join(e.Key(), ".")
		rule := "unknown key; there are " + keysLike(key)
		if near := nearest(key); near != "" {
			rule = "unknown key; did you mean " + near + "?"
		}
		faults = append(faults, &Error{File: s.file, Line: line, Key: key, Rule: rule})
	}
	return faults
}

// decodeError turns what the decoder says into one line in the words of the file.
func (s *source) decodeError(err error) error {
	var de *toml.DecodeError
	if errors.As(err, &de) {
		line, _ := de.Position()
		key := strings.Join(de.Key(), ".")
		rule := strings.TrimPrefix(de.Error(), "toml: ")
		if want := wantedType(key); want != "" {
			rule = "must be " + want
		}
		return &Error{File: s.file, Line: line, Key: key, Rule: rule}
	}
	return &Error{File: s.file, Rule: strings.TrimPrefix(err.Error(), "toml: ")}
}

// keyLines finds the line of every key and section, as far as the text is TOML.
func keyLines(text []byte) map[string]int {
	lines := make(map[string]int)
	var p unstable.Parser
	p.Reset(text)
	section := ""
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		line := 0
		for it := e.Key(); it.Next(); {
			n := it.Node()
			if line == 0 {
				line = p.Shape(n.Raw).Start.Line
			}
			parts = append(parts, string(n.Data))
		}
		key := strings.Join(parts, ".")
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			section = key
		case unstable.KeyValue:
			if section != "" {
				key = section + "." + key
			}
		default:
			continue
		}
		if _, ok := lines[key]; !ok {
			lines[key] = line
		}
	}
	return lines
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(b) > MaxFile {
		err = fmt.Errorf("larger than %d bytes", MaxFile)
	}
	return b, err
}

// cause is an error without the path that it repeats.
func cause(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// complete reads files of secrets, resolves paths and fills in what depends on the place of the file or on other keys.
func (s *source) complete(c *Config) error {
	abs, err := filepath.Abs(s.file)
	if err != nil {
		return &Error{File: s.file, Rule: err.Error()}
	}
	dir := filepath.Dir(abs)
	for _, f := range fields() {
		f.resolve(c, dir)
	}
	if err := s.secretFile("component", &c.Component.Secret, c.Component.SecretFile, "secret"); err != nil {
		return err
	}
	storeURL := Secret(c.Store.URL)
	if err := s.secretFile("store", &storeURL, c.Store.URLFile, "url"); err != nil {
		return err
	}
	c.Store.URL = storeURL.Reveal()

	state, run := filepath.Join(dir, "anteroom.state"), filepath.Join(dir, "anteroom.state")
	if dir == "/etc" || strings.HasPrefix(dir, "/etc/") {
		state, run = "/var/lib/anteroom", "/run/anteroom"
	}
	if c.Store.URL == "" {
		c.Store.URL = boltURL(filepath.Join(state, "rooms.db"))
	} else if path := boltPath(c.Store.URL); path != "" {
		c.Store.URL = boltURL(absolute(dir, path))
	}
	if c.Store.KeyFile == "" {
		c.Store.KeyFile = filepath.Join(state, "seal.key")
	}
	if c.Admin.Socket == "" {
		c.Admin.Socket = filepath.Join(run, "admin.sock")
	}
	if c.Provider.Domain == "" {
		_, parent, ok := strings.Cut(c.Component.Domain, ".")
		if ok && parent != "" {
			c.Provider.Domain = parent
		} else {
			c.Provider.Domain = c.Component.Domain
		}
	}
	if len(c.Provider.Users) == 0 {
		c.Provider.Users = []string{c.Provider.Domain}
	}
	return nil
}

// secretFile takes a secret from its file. Given in both ways it is refused, since one of them would silently lose.
func (s *source) secretFile(section string, secret *Secret, path, key string) error {
	if path == "" {
		return nil
	}
	fileKey := section + "." + key + "_file"
	if *secret != "" {
		return s.fault(fileKey, "both %s and %s_file are given; keep one", key, key)
	}
	b, err := readFile(path)
	if err != nil {
		return s.fault(fileKey, "cannot read %s: %s", path, cause(err))
	}
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" {
		return s.fault(fileKey, "%s is empty", path)
	}
	if strings.ContainsAny(v, "\r\n") {
		return s.fault(fileKey, "%s has more than one line", path)
	}
	*secret = Secret(v)
	return nil
}

func boltURL(path string) string {
	u := url.URL{Scheme: "bolt", Path: path}
	return u.String()
}

// boltPath is the file of a bolt: URL as it was written, "" when it is none.
func boltPath(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "bolt" {
		return ""
	}
	if path, err := url.PathUnescape(u.Opaque); err == nil && path != "" {
		return path
	}
	return u.Host + u.Path
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
