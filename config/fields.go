package config

import (
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// field is one key of the configuration, found by reflection on Config.
type field struct {
	section, name string
	index         []int
	typ           reflect.Type
	doc, example  string
	path          bool // a path, or a list of paths, relative to the file
}

func (f *field) key() string { return f.section + "." + f.name }

func (f *field) value(c *Config) reflect.Value {
	return reflect.ValueOf(c).Elem().FieldByIndex(f.index)
}

// variable is the name in the environment.
func (f *field) variable() string {
	return envPrefix + strings.ToUpper(f.section+"_"+f.name)
}

// fields lists all keys in the order of the struct.
var fields = sync.OnceValue(func() []field {
	var out []field
	for sec := range reflect.TypeFor[Config]().Fields() {
		for key := range sec.Type.Fields() {
			out = append(out, field{
				section: sec.Tag.Get("toml"),
				name:    key.Tag.Get("toml"),
				index:   append(append([]int(nil), sec.Index...), key.Index...),
				typ:     key.Type,
				doc:     key.Tag.Get("doc"),
				example: key.Tag.Get("example"),
				path:    key.Tag.Get("path") != "",
			})
		}
	}
	return out
})

func lookup(key string) *field {
	for _, f := range fields() {
		if f.key() == key {
			return &f
		}
	}
	return nil
}

// resolve makes paths absolute.
func (f *field) resolve(c *Config, dir string) {
	if !f.path {
		return
	}
	switch p := f.value(c).Addr().Interface().(type) {
	case *string:
		if *p != "" {
			*p = absolute(dir, *p)
		}
	case *[]string:
		for i := range *p {
			(*p)[i] = absolute(dir, (*p)[i])
		}
	case *map[string]string:
		for k, v := range *p {
			(*p)[k] = absolute(dir, v)
		}
	}
}

// wantedType says in words what a key holds; "" when there is no such key.
func wantedType(key string) string {
	f := lookup(key)
	if f == nil {
		if strings.HasPrefix(key, "provider.peers.") || strings.HasPrefix(key, "rooms.teams.") {
			return "a string"
		}
		return ""
	}
	return typeWords(f.typ)
}

const spanWords = "a time span such as \"90s\", \"30m\" or \"72h\""

func typeWords(t reflect.Type) string {
	if t == reflect.TypeFor[Duration]() {
		return spanWords
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "an integer"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of strings"
	case reflect.Map:
		return "a table of strings"
	}
	return "a " + t.Kind().String()
}

const envPrefix = "ANTEROOM_"

// environment lets variables override what the file says.
func (s *source) environment(c *Config, environ []string) error {
	s.env = make(map[string]string)
	names := make(map[string]string)
	for _, pair := range environ {
		if name, v, ok := strings.Cut(pair, "="); ok && strings.HasPrefix(name, envPrefix) {
			names[name] = v
		}
	}
	sections := make(map[string]bool)
	for _, f := range fields() {
		sections[strings.ToUpper(f.section)] = true
		v, ok := names[f.variable()]
		if !ok {
			continue
		}
		delete(names, f.variable())
		s.env[f.key()] = f.variable()
		if err := f.set(c, v); err != nil {
			return s.fault(f.key(), "%v", err)
		}
		f.replaceTwin(c, names)
	}
	var unknown []string
	for name := range names {
		if section, _, _ := strings.Cut(name[len(envPrefix):], "_"); sections[section] {
			unknown = append(unknown, name)
		}
	}
	if sort.Strings(unknown); len(unknown) > 0 {
		return &Error{File: "environment", Key: unknown[0], Rule: "no such key; see anteroom config example"}
	}
	return nil
}

// replaceTwin: a secret in the environment replaces the file's secret_file, and the other way round.
func (f *field) replaceTwin(c *Config, names map[string]string) {
	twin := f.name + "_file"
	if base, ok := strings.CutSuffix(f.name, "_file"); ok {
		twin = base
	}
	if t := lookup(f.section + "." + twin); t != nil {
		if _, given := names[t.variable()]; !given {
			t.value(c).SetZero()
		}
	}
}

// set parses the text of a variable.
func (f *field) set(c *Config, text string) error {
	v := f.value(c)
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		on, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("must be %s", typeWords(f.typ))
		}
		v.SetBool(on)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("must be %s", typeWords(f.typ))
		}
		v.SetInt(int64(n))
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Errorf("must be %s", typeWords(f.typ))
		}
		v.SetFloat(n)
	case reflect.Slice:
		v.Set(reflect.ValueOf(splitList(text)))
	case reflect.Map:
		m := make(map[string]string)
		for _, item := range splitList(text) {
			name, addr, ok := strings.Cut(item, "=")
			if !ok {
				return fmt.Errorf("must be NAME=VALUE items with commas between them")
			}
			m[strings.TrimSpace(name)] = strings.TrimSpace(addr)
		}
		v.Set(reflect.ValueOf(m))
	default:
		panic("config: no way to set a " + f.typ.String())
	}
	return nil
}

func splitList(text string) []string {
	var out []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			out = append(out, item)
		}
	}
	return out
}

// nearest is a known key that differs from a misspelt one by little; "" when there is none.
func nearest(key string) string {
	best, bestAt := "", 3
	for _, f := range fields() {
		if d := distance(key, f.key()); d < bestAt {
			best, bestAt = f.key(), d
		}
	}
	return best
}

// keysLike lists what there is in the section of a key; the sections if it is in none of them.
func keysLike(key string) string {
	section, _, _ := strings.Cut(key, ".")
	var names, sections []string
	for _, f := range fields() {
		if f.section == section {
			names = append(names, f.name)
		}
		if !slices.Contains(sections, f.section) {
			sections = append(sections, f.section)
		}
	}
	if names == nil {
		names = sections
	}
	return strings.Join(names, ", ")
}

// distance counts the insertions, deletions and replacements between two short strings.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
