package main

import (
	"math"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// row is one operation with its goals, in its unit, for 1,000 and 5,000 members; zero where there is none.
type row struct {
	name               string
	unit               string
	goal1000, goal5000 float64
	needs              func(b *bench, n float64) needs // what no implementation can do without; nil if that is not told
}

var rows = []row{
	{"add all in one commit", "ms", 190, 1000, func(_ *bench, n float64) needs { return needs{verify: 2 * n, seal: n} }},
	{"add all in one commit, local, with their keys", "ms", 200, 0,
		func(_ *bench, n float64) needs { return needs{key: n, base: 2 * n, sign: 2 * n, verify: 2 * n} }},
	{"join by Welcome", "ms", 45, 225, func(_ *bench, n float64) needs { return needs{verify: n} }},
	{"one Add without path: make", "ms", 1, 0, func(*bench, float64) needs { return needs{verify: 2, sign: 2, seal: 1} }},
	{"one Add without path: process", "ms", 0.5, 0, func(*bench, float64) needs { return needs{verify: 3} }},
	{"commit with path, blank tree: make", "ms", 50, 0, func(_ *bench, n float64) needs { return needs{seal: n, sign: 2} }},
	{"commit with path, blank tree: process", "ms", 1, 0, func(_ *bench, n float64) needs {
		const ciphertext = 32 + 48 + 2 // KEM output, path secret with tag, their lengths
		return needs{verify: 2, open: 1, base: math.Log2(n), sha512: ciphertext * n, sha256: 2 * ciphertext * n}
	}},
	{"commit with path, populated: make", "ms", 3, 0, path},
	{"commit with path, populated: process", "ms", 1, 0, follows},
	{"external join, blank tree", "ms", 145, 0, func(_ *bench, n float64) needs { return needs{verify: n, seal: n} }},
	{"external join, populated", "ms", 60, 0, func(_ *bench, n float64) needs { return needs{verify: n, seal: math.Log2(n)} }},
	{"process external join", "ms", 2, 0, follows},
	{"Remove in a tree of Adds, first", "ms", 60, 0, func(_ *bench, n float64) needs { return needs{seal: n, sign: 2} }},
	{"Remove in a tree of Adds, 100th", "ms", 8, 0, nil},
	{"GroupInfo with tree", "ms", 0.6, 0, func(b *bench, n float64) needs {
		return needs{sign: 1, sha512: 2 * float64(b.treeSize[int(n)])} // Ed25519 hashes what it signs twice
	}},
	{"AppDataUpdate: make", "ms", 0, 0, func(*bench, float64) needs { return needs{sign: 1} }},
	{"AppDataUpdate: process", "ms", 0, 0, func(*bench, float64) needs { return needs{verify: 1} }},
	{"SelfRemove: propose", "ms", 0, 0, func(*bench, float64) needs { return needs{sign: 1} }},
	{"SelfRemove: verify", "ms", 0, 0, func(*bench, float64) needs { return needs{verify: 1} }},
	{"SelfRemove, populated: commit", "ms", 0, 0, path},
	{"SelfRemove, populated: process", "ms", 0, 0, follows},
	{"protect 100 bytes", "ms", 0.06, 0.06, func(*bench, float64) needs { return needs{sign: 1} }},
	{"unprotect 100 bytes", "ms", 0.08, 0.08, func(*bench, float64) needs { return needs{verify: 1} }},
	{"key package", "ms", 0.15, 0, func(*bench, float64) needs { return needs{key: 1, base: 2, sign: 2} }},
	{"remote commit, all members local", "ms", 0, 0, follows},
	{"remote commit, all local : one local", "×", 2, 2, nil},
	{"memory of the run", "MB", 15, 0, nil},
	{"memory of all members being local", "MB", 10, 0, nil},
}

// path is what a commit with path needs in a populated tree, follows what it takes to process one.
func path(_ *bench, n float64) needs {
	return needs{sign: 2, seal: math.Log2(n), base: math.Log2(n)}
}

func follows(_ *bench, n float64) needs { return needs{verify: 2, open: 1, base: math.Log2(n)} }

// growth is the exponent p for which the cost grows as members^p from 100 to 5,000.
func growth(results map[int]float64) string {
	small, ok1 := results[100]
	large, ok2 := results[5000]
	if !ok1 || !ok2 || small <= 0 || large <= 0 {
		return ""
	}
	return strconv.FormatFloat(math.Log(large/small)/math.Log(50), 'f', 2, 64)
}

const (
	minRuns, maxRuns = 3, 400
	budget           = 300 * time.Millisecond // of one measurement, beyond minRuns
	batch            = 2 * time.Millisecond   // runs shorter than this are measured several at a time
)

// median runs f several times and returns the median of its duration in milliseconds. prepare, which may be nil, runs
// before each and is not measured.
func median(prepare, f func()) float64 {
	measure := func(times int) time.Duration {
		var total time.Duration
		for range times {
			if prepare != nil {
				prepare()
			}
			start := clock()
			f()
			total += clock() - start
		}
		return total / time.Duration(times)
	}
	first := measure(1)
	times := 1
	if first < batch {
		times = int(min(batch/max(first, time.Microsecond)+1, 64))
	}
	runs := max(minRuns, min(maxRuns, int(budget/max(first*time.Duration(times), time.Microsecond))))
	all := make([]time.Duration, runs)
	runtime.GC()
	for i := range all {
		all[i] = measure(times)
	}
	slices.Sort(all)
	return float64(all[len(all)/2]) / float64(time.Millisecond)
}

func workers() int { return runtime.GOMAXPROCS(0) }

// parallel calls do for 0 to n-1 on all cores: what Config.Parallel wants.
func parallel(n int, do func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers(), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
