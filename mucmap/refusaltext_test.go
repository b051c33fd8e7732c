package mucmap

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Refusals are read by people in their clients: no section of a specification stands in the text, it stands in a comment beside it.
func TestRefusalsNameNoSections(t *testing.T) {
	section := regexp.MustCompile(`§|\((XEP|RFC|draft)[- ]`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				texts++
				if section.MatchString(lit.Value) {
					t.Errorf("a section in a text: %s", lit.Value)
				}
			}
			return true
		})
	}
	if texts < 1000 {
		t.Errorf("%d texts found, there are more", texts)
	}
}
