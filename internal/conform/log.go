package conform

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// maxLine bounds a line of a log, in bytes: failures print whole stanzas.
const maxLine = 16 << 20

// ReadLog reads the output of `go test -v` of any number of packages: the claims of the tests that passed. A claim of a test that
// did not is an error, for then the page would have to say less.
func ReadLog(r io.Reader) ([]Evidence, error) {
	type claims map[string][]Evidence // by test
	var held []Evidence
	var lost []string
	now, ended := claims{}, map[string]bool{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		line := lines.Text()
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "=== ATTR ") && len(f) > 5 && (f[3] == attribute || f[3] == clientAttribute) && IsID(f[4]):
			_, by, _ := strings.Cut(line, " "+f[4]+" ")
			now[f[2]] = append(now[f[2]], Evidence{f[4], by, f[3] == clientAttribute})
		case len(f) > 2 && f[0] == "---" && strings.HasSuffix(f[1], ":"):
			ended[f[2]] = f[1] == "PASS:"
		case len(f) > 1 && (f[0] == "ok" || f[0] == "FAIL" && strings.Contains(line, "\t")): // the end of a package
			for test, es := range now {
				if ended[test] {
					held = append(held, es...)
				} else {
					lost = append(lost, f[1]+" "+test)
				}
			}
			now, ended = claims{}, map[string]bool{}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(now) > 0 {
		return nil, fmt.Errorf("the log ends inside a package")
	}
	if len(lost) > 0 {
		return nil, fmt.Errorf("tests that hold requirements did not pass: %s", strings.Join(lost, ", "))
	}
	return held, nil
}
