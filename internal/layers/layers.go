// Package layers holds the import table of docs/ARCHITECTURE.md and the purity of the packages that it marks with "!".
//
// Pure means: no goroutine, channel, select, lock, clock, file, socket, environment, logging or randomness of its own, and no
// package variable that a function assigns. It is checked on the syntax of non-test files, so it finds what is written,
// not what a library does behind a call. Safe for concurrent use: it keeps no state.
package layers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Table says for each package of the module what it may import of the module, and whether it is pure.
type Table map[string]Row

// Row is one line of the table. Any says that everything may be imported.
type Row struct {
	Pure    bool
	Any     bool
	Imports map[string]bool
}

// ParseTable reads the first fenced block behind the heading "Who may import whom" of a Markdown page.
func ParseTable(page string) (Table, error) {
	_, rest, ok := strings.Cut(page, "### Who may import whom")
	if !ok {
		return nil, fmt.Errorf("layers: no heading %q", "Who may import whom")
	}
	parts := strings.SplitN(rest, "```", 3)
	if len(parts) < 3 {
		return nil, fmt.Errorf("layers: no fenced block behind the heading")
	}
	table := Table{}
	for _, line := range strings.Split(strings.TrimSpace(parts[1]), "\n") {
		left, right, ok := strings.Cut(line, ":")
		name := strings.Fields(left)
		if !ok || len(name) == 0 || len(name) > 2 || len(name) == 2 && name[1] != "!" {
			return nil, fmt.Errorf("layers: row %q is not \"package [!] : imports\"", line)
		}
		if _, twice := table[name[0]]; twice {
			return nil, fmt.Errorf("layers: two rows for %s", name[0])
		}
		row := Row{Pure: len(name) == 2, Imports: map[string]bool{}}
		for _, imp := range strings.Fields(right) {
			if imp == "*" {
				row.Any = true
			}
			row.Imports[imp] = true
		}
		table[name[0]] = row
	}
	return table, nil
}

// Violation is one place that breaks a rule.
type Violation struct{ Pos, Rule string }

func (v Violation) String() string { return v.Pos + ": " + v.Rule }

// Check reads all packages of module below root and returns what breaks the table, sorted by place.
func Check(root, module string, table Table) ([]Violation, error) {
	c := checker{root: root, module: module, table: table, seen: map[string]bool{}, fset: token.NewFileSet()}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if name := d.Name(); p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		return c.dir(p)
	})
	if err != nil {
		return nil, err
	}
	for pkg := range table {
		if !c.seen[pkg] {
			c.report("docs/ARCHITECTURE.md", "the table has a row for %s, which does not exist", pkg)
		}
	}
	sort.Slice(c.found, func(i, j int) bool { return c.found[i].String() < c.found[j].String() })
	return c.found, nil
}

type checker struct {
	root, module string
	table        Table
	seen         map[string]bool
	fset         *token.FileSet
	found        []Violation
}

func (c *checker) report(pos, format string, args ...any) {
	c.found = append(c.found, Violation{pos, fmt.Sprintf(format, args...)})
}

func (c *checker) at(n ast.Node) string {
	p := c.fset.Position(n.Pos())
	rel, err := filepath.Rel(c.root, p.Filename)
	if err != nil {
		rel = p.Filename
	}
	return fmt.Sprintf("%s:%d", filepath.ToSlash(rel), p.Line)
}

func (c *checker) dir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var files []*ast.File
	for _, e := range entries {
		if e.IsDir() || !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(c.fset, filepath.Join(dir, e.Name()), nil, 0)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil
	}
	rel, err := filepath.Rel(c.root, dir)
	if err != nil {
		return err
	}
	pkg := filepath.ToSlash(rel)
	row, ok := c.table[pkg]
	if !ok {
		c.report(pkg, "the package has no row in the import table")
		return nil
	}
	c.seen[pkg] = true
	for _, f := range files {
		c.imports(pkg, row, f)
	}
	if row.Pure {
		c.purity(pkg, files)
	}
	return nil
}

func (c *checker) imports(pkg string, row Row, f *ast.File) {
	for _, spec := range f.Imports {
		imp, _ := strconv.Unquote(spec.Path.Value)
		if ours, ok := strings.CutPrefix(imp, c.module+"/"); ok && !row.Any && !row.Imports[ours] {
			c.report(c.at(spec), "%s may not import %s", pkg, ours)
		}
		if row.Pure && impure(pkg, imp) {
			c.report(c.at(spec), "%s is pure and imports %s", pkg, imp)
		}
	}
}

// Imports that a pure package has no use for. The one named exemption: mls/internal/suite draws randomness for HPKE and ECDSA.
var impureImports = []string{
	"bufio", "context", "crypto/rand", "crypto/tls", "embed", "io/fs", "io/ioutil", "log", "log/slog", "math/rand", "math/rand/v2",
	"net", "net/http", "os", "plugin", "runtime", "sync", "sync/atomic", "syscall", "unsafe", "path/filepath",
}

func impure(pkg, imp string) bool {
	if pkg == "mls/internal/suite" && imp == "crypto/rand" {
		return false
	}
	if imp == "net/netip" || imp == "net/url" { // addresses as values, no socket
		return false
	}
	for _, p := range impureImports {
		if imp == p || strings.HasPrefix(imp, p+"/") && p != "log" && p != "crypto/tls" {
			return true
		}
	}
	return false
}

// What package time offers beyond arithmetic.
var clockFuncs = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true,
	"NewTimer": true, "NewTicker": true,
}

func (c *checker) purity(pkg string, files []*ast.File) {
	vars := packageVars(files)
	for _, f := range files {
		timeName := importName(f, "time")
		for _, decl := range f.Decls {
			fn, inFunc := decl.(*ast.FuncDecl)
			ast.Inspect(decl, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.GoStmt:
					c.report(c.at(n), "%s is pure and starts a goroutine", pkg)
				case *ast.ChanType, *ast.SendStmt, *ast.SelectStmt:
					c.report(c.at(n), "%s is pure and uses a channel", pkg)
				case *ast.SelectorExpr:
					if x, ok := n.X.(*ast.Ident); ok && x.Obj == nil && timeName != "" && x.Name == timeName && clockFuncs[n.Sel.Name] {
						c.report(c.at(n), "%s is pure and reads the clock by time.%s", pkg, n.Sel.Name)
					}
				case *ast.AssignStmt:
					if inFunc && fn.Name.Name != "init" && n.Tok != token.DEFINE {
						for _, lhs := range n.Lhs {
							c.assigned(pkg, vars, lhs)
						}
					}
				case *ast.IncDecStmt:
					if inFunc {
						c.assigned(pkg, vars, n.X)
					}
				}
				return true
			})
		}
	}
}

// assigned reports an assignment whose root is a package variable.
func (c *checker) assigned(pkg string, vars map[string]*ast.Ident, lhs ast.Expr) {
	for {
		switch x := lhs.(type) {
		case *ast.IndexExpr:
			lhs = x.X
		case *ast.SelectorExpr:
			lhs = x.X
		case *ast.StarExpr:
			lhs = x.X
		case *ast.ParenExpr:
			lhs = x.X
		case *ast.Ident:
			if declared, ok := vars[x.Name]; ok && x.Name != "_" && (x.Obj == nil || x.Obj == declared.Obj) {
				c.report(c.at(x), "%s is pure and assigns its package variable %s", pkg, x.Name)
			}
			return
		default:
			return
		}
	}
}

func packageVars(files []*ast.File) map[string]*ast.Ident {
	vars := map[string]*ast.Ident{}
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, name := range s.(*ast.ValueSpec).Names {
					vars[name.Name] = name
				}
			}
		}
	}
	return vars
}

func importName(f *ast.File, imp string) string {
	for _, s := range f.Imports {
		if p, _ := strconv.Unquote(s.Path.Value); p == imp {
			if s.Name != nil {
				return s.Name.Name
			}
			return path.Base(imp)
		}
	}
	return ""
}
