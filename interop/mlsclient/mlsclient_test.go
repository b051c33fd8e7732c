package mlsclient

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"anteroom/interop/mlsclient/pb"
)

// calls counts the calls of one connection by the name of the method.
type calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *calls) count(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	c.mu.Lock()
	c.n[path.Base(method)]++
	c.mu.Unlock()
	return invoke(ctx, method, req, reply, cc, opts...)
}

// newServer serves a Server on loopback until the test ends.
func newServer(t *testing.T, name string, c *calls) (*Server, pb.MLSClientClient) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := New(name, time.Now)
	g := NewGRPC(s)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(c.count), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		g.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s, pb.NewMLSClientClient(conn)
}

// combinations are all ways to give n actors one of two clients, or only the one in which they alternate.
func combinations(n int, all bool) [][]int {
	if !all {
		alternate := make([]int, n)
		for i := range alternate {
			alternate[i] = i % 2
		}
		return [][]int{alternate}
	}
	out := make([][]int, 1<<n)
	for c := range out {
		for i := range n {
			out[c] = append(out[c], c>>i&1)
		}
	}
	return out
}

// playAll plays a script in both framings with the given suites and combinations of two servers. It returns how often.
func playAll(t *testing.T, clients [2]pb.MLSClientClient, s script, suites []uint32, allRoles bool) (n int) {
	t.Helper()
	actors := s.actors()
	for _, suite := range suites {
		for _, private := range []bool{false, true} {
			for _, roles := range combinations(len(actors), allRoles) {
				r := &run{ctx: t.Context(), suite: suite, private: private, clients: map[string]pb.MLSClientClient{}}
				for i, a := range actors {
					r.clients[a] = clients[roles[i]]
				}
				n++
				if err := r.play(s); err != nil {
					t.Errorf("suite %d, private %v, roles %v: %v", suite, private, roles, err)
				}
			}
		}
	}
	return n
}

func allSuites() []uint32 {
	out := make([]uint32, len(suites))
	for i, cs := range suites {
		out[i] = uint32(cs)
	}
	return out
}

// All scripts in suite 1 with all combinations of roles, and in the other suites with alternating ones; together they use every call of
// the service, and nothing is left behind but what the scripts never free.
func TestScripts(t *testing.T) {
	c := &calls{n: map[string]int{}}
	one, a := newServer(t, "one", c)
	_, b := newServer(t, "two", c)
	for _, client := range []pb.MLSClientClient{a, b} {
		resp, err := client.Name(t.Context(), &pb.NameRequest{})
		if err != nil || resp.Name != "one" && resp.Name != "two" {
			t.Fatalf("name %q: %v", resp.GetName(), err)
		}
	}
	scripts, n := loadScripts(t, "testdata"), 0
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(name, func(t *testing.T) {
			n += playAll(t, [2]pb.MLSClientClient{a, b}, scripts[name], allSuites()[:1], true)
			n += playAll(t, [2]pb.MLSClientClient{a, b}, scripts[name], allSuites()[1:], false)
		})
	}
	t.Logf("%d scripts, %d runs", len(scripts), n)
	if methods := pb.MLSClient_ServiceDesc.Methods; len(methods) != 34 {
		t.Errorf("the service has %d calls, want 34", len(methods))
	}
	for _, m := range pb.MLSClient_ServiceDesc.Methods {
		if c.n[m.MethodName] == 0 {
			t.Errorf("no script calls %s", m.MethodName)
		}
	}
	if len(one.reinits) != 0 {
		t.Errorf("%d reinits are left", len(one.reinits))
	}
}

// Random scripts: many members come, go, update and come back by external commit, as in the published deep_random.
func TestRandomScripts(t *testing.T) {
	c := &calls{n: map[string]int{}}
	_, a := newServer(t, "one", c)
	_, b := newServer(t, "two", c)
	for seed := range uint64(2) {
		s := randomScript(seed, 20, 12)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			playAll(t, [2]pb.MLSClientClient{a, b}, s, allSuites()[:1], false)
		})
	}
}

// The published scripts of mlswg/mls-implementations, where MLS_IMPLEMENTATIONS_CONFIGS names the folder interop/configs of a clone. With
// MLS_IMPLEMENTATIONS_ROLES=all, all combinations of roles are played in every suite, not in suite 1 only, and the longest script, which
// has too many actors for that, with alternating roles in every suite: that takes long. MLS_IMPLEMENTATIONS_SUITES=2,3 restricts the
// suites, -run the scripts.
func TestPublishedScripts(t *testing.T) {
	dir := os.Getenv("MLS_IMPLEMENTATIONS_CONFIGS")
	if dir == "" {
		return // they are not ours to keep; testdata covers the same actions
	}
	everything := os.Getenv("MLS_IMPLEMENTATIONS_ROLES") == "all"
	chosen, err := chosenSuites(os.Getenv("MLS_IMPLEMENTATIONS_SUITES"))
	if err != nil {
		t.Fatal(err)
	}
	c := &calls{n: map[string]int{}}
	_, a := newServer(t, "one", c)
	_, b := newServer(t, "two", c)
	scripts := loadScripts(t, dir)
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(name, func(t *testing.T) {
			s := scripts[name]
			for _, suite := range chosen {
				first := suite == allSuites()[0]
				if !first && len(s) >= 100 && !everything {
					continue
				}
				n := playAll(t, [2]pb.MLSClientClient{a, b}, s, []uint32{suite}, (first || everything) && len(s.actors()) <= 8)
				t.Logf("suite %d: %d runs", suite, n)
			}
		})
	}
}

// chosenSuites reads a list such as 2,3; empty is all suites.
func chosenSuites(list string) ([]uint32, error) {
	if list == "" {
		return allSuites(), nil
	}
	var out []uint32
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || !slices.Contains(allSuites(), uint32(n)) {
			return nil, fmt.Errorf("suite %q is none of %v", text, allSuites())
		}
		out = append(out, uint32(n))
	}
	return out, nil
}
