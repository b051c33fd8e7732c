package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// Memory is measured of one member of each implementation, in a process of its own that does nothing else: it makes a key package and joins
// the same group by the same Welcome. Both collect their garbage before they say what they hold:
//
//   - live heap: what joining added to the objects that are still in use. For Go runtime.MemStats.HeapAlloc, for Node.js heapUsed and what
//     buffers hold outside of the heap (process.memoryUsage, external).
//   - resident: VmRSS of the whole process (/proc), runtime included.

// held is what a process says of its memory, in bytes.
type held struct {
	Live     uint64 `json:"live"`
	Resident uint64 `json:"resident"`
}

// memberArgument makes this program the process of our member.
const memberArgument = "-member"

// memory prints the rows of one member in a group of n.
func (s *setting) memory() error {
	clients, err := s.clients(s.n - 2)
	if err != nil {
		return err
	}
	g, err := mls.NewGroup(s.seed(), mls.NewGroupParams{GroupID: []byte("memory"), Creator: clients[0]})
	if err != nil {
		return err
	}
	ours, err := startMember(s.limit)
	if err != nil {
		return err
	}
	defer ours.stop()
	peer, err := startNode(s.limit, s.limit*4, 0)
	if err != nil {
		return err
	}
	defer peer.stop()
	proposals := adds(clients[1:])
	var before [2]held
	for i, d := range []*driver{ours, peer} {
		a, err := d.call(request{Op: "client", Name: "member"})
		if err != nil {
			return err
		}
		m, err := decode(a.Message)
		if err != nil {
			return err
		}
		proposals = append(proposals, mls.Add{KeyPackage: *m.KeyPackage})
		if before[i], err = d.memory(); err != nil {
			return err
		}
	}
	staged, err := g.Commit(s.seed(), 0, mls.CommitParams{ByValue: proposals, Joiners: clients[1:], WelcomeTree: true})
	if err != nil {
		return err
	}
	welcome := wire.Marshal(&mls.Message{Format: mls.WireFormatWelcome, Welcome: staged.Welcome})
	var after [2]held
	for i, d := range []*driver{ours, peer} {
		if _, err := d.call(request{Op: "join", Name: "member", Message: welcome}); err != nil {
			if i == 1 {
				fmt.Fprintf(os.Stderr, "bench: ts-mls, %d members: %v\n", s.n, err)
				break
			}
			return err
		}
		if after[i], err = d.memory(); err != nil {
			return err
		}
	}
	printMemory("memory of one member: live heap that joining added", s.n, grown(before[0], after[0]), grown(before[1], after[1]))
	printMemory("memory of one member: resident, the whole process", s.n, after[0].Resident, after[1].Resident)
	return nil
}

func grown(before, after held) uint64 {
	if after.Live < before.Live {
		return 0
	}
	return after.Live - before.Live
}

func printMemory(name string, n int, ours, peer uint64) {
	megabytes := func(b uint64) string {
		if b == 0 {
			return "n/a"
		}
		return fmt.Sprintf("%.3g MB", float64(b)/1e6)
	}
	ratio := "n/a"
	if ours > 0 && peer > 0 {
		ratio = fmt.Sprintf("%.1f", float64(peer)/float64(ours))
	}
	fmt.Printf("| %s | %d | %s | %s | %s |\n", name, n, megabytes(ours), megabytes(peer), ratio)
}

// memory asks a process what it holds.
func (d *driver) memory() (held, error) {
	a, err := d.call(request{Op: "memory"})
	if err != nil {
		return held{}, err
	}
	h := a.held
	if h.Resident, err = resident(d.cmd.Process.Pid); err != nil {
		return held{}, err
	}
	return h, nil
}

// resident reads VmRSS of a process, in bytes.
func resident(pid int) (uint64, error) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, ok := bytes.Cut(b, []byte("VmRSS:"))
	fields := bytes.Fields(rest)
	if !ok || len(fields) < 2 || string(fields[1]) != "kB" {
		return 0, fmt.Errorf("process %d says nothing of its memory", pid)
	}
	kilobytes, err := strconv.ParseUint(string(fields[0]), 10, 64)
	return kilobytes << 10, err
}

// serveMember is our member: it answers requests like peers/ts-mls-bench.mjs, as far as memory needs them.
func serveMember(in io.Reader, out io.Writer) error {
	w := world{n: uint64(time.Now().UnixNano())}
	var keys *mls.KeyPackageSecrets
	var group *mls.Group
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var r request
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var a reply
		var err error
		switch r.Op {
		case "client":
			if keys, err = w.client(); err == nil {
				a.Message = encodeKeyPackage(&keys.KeyPackage)
			}
		case "join":
			group, err = join(r.Message, keys)
		case "memory":
			r = request{}
			debug.FreeOSMemory() // collects, too
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			a.Live = m.HeapAlloc
		default:
			err = fmt.Errorf("no operation %q", r.Op)
		}
		answer := struct {
			OK    *reply `json:"ok,omitempty"`
			Error string `json:"error,omitempty"`
		}{OK: &a}
		if err != nil {
			answer.OK, answer.Error = nil, err.Error()
		}
		if err := answers.Encode(&answer); err != nil {
			return err
		}
		runtime.KeepAlive(group)
	}
}
