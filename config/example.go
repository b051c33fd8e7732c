package config

import (
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
)

// Example writes a complete configuration with its documentation: keys that must be given are set, keys that may be given
// are commented out and show their default, or an example where they have none.
func Example(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# anteroom: configuration. Keys that are commented out show their default or an example.\n")
	b.WriteString("# Every key can be given in the environment, too: store.url is ANTEROOM_STORE_URL.\n")
	d := Default()
	for sec := range reflect.TypeFor[Config]().Fields() {
		b.WriteByte('\n')
		comment(&b, sec.Tag.Get("doc"))
		fmt.Fprintf(&b, "[%s]\n", sec.Tag.Get("toml"))
		for _, f := range fields() {
			if f.section == sec.Tag.Get("toml") {
				f.write(&b, &d)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// required are the keys of the minimal configuration.
var required = map[string]bool{"component.domain": true, "component.secret": true}

func (f *field) write(b *strings.Builder, d *Config) {
	comment(b, f.doc)
	if f.typ.Kind() == reflect.Map {
		fmt.Fprintf(b, "# [%s]\n# %s\n", f.key(), f.example)
		return
	}
	mark := "# "
	if required[f.key()] {
		mark = ""
	}
	fmt.Fprintf(b, "%s%s = %s\n", mark, f.name, f.sample(d))
}

// sample is the default, or the example, as TOML.
func (f *field) sample(d *Config) string {
	switch v := f.value(d).Interface().(type) {
	case Duration:
		return strconv.Quote(string(v))
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return "[" + strconv.Quote(f.example) + "]"
	case string:
		if v != "" {
			return strconv.Quote(v)
		}
	}
	return strconv.Quote(f.example)
}

// comment writes text as comment lines of at most 100 columns.
func comment(b *strings.Builder, text string) {
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > 100 {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}
