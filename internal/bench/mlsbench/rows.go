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
}

var rows = []row{
	{"add all in one commit", "ms", 190, 1000},
	{"add all in one commit, local, with their keys", "ms", 200, 0},
	{"join by Welcome", "ms", 45, 225},
	{"one Add without path: make", "ms", 1, 0},
	{"one Add without path: process", "ms", 0.5, 0},
	{"commit with path, blank tree: make", "ms", 50, 0},
	{"commit with path, blank tree: process", "ms", 1, 0},
	{"commit with path, populated: make", "ms", 3, 0},
	{"commit with path, populated: process", "ms", 1, 0},
	{"external join, blank tree", "ms", 145, 0},
	{"external join, populated", "ms", 60, 0},
	{"process external join", "ms", 2, 0},
	{"Remove in a tree of Adds, first", "ms", 60, 0},
	{"Remove in a tree of Adds, 100th", "ms", 8, 0},
	{"GroupInfo with tree", "ms", 0.6, 0},
	{"protect 100 bytes", "ms", 0.06, 0.06},
	{"unprotect 100 bytes", "ms", 0.08, 0.08},
	{"key package", "ms", 0.15, 0},
	{"remote commit, all members local", "ms", 0, 0},
	{"remote commit, all local : one local", "×", 2, 2},
	{"memory of the run", "MB", 15, 0},
	{"memory of all members being local", "MB", 10, 0},
}

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
