package pure

import (
	"crypto/rand" // want: pure is pure and imports crypto/rand
	_ "fixture/allowed"
	_ "fixture/noisy" // want: pure may not import noisy
	"math/rand/v2"    // want: pure is pure and imports math/rand/v2
	"net/http"        // want: pure is pure and imports net/http
	"os"              // want: pure is pure and imports os
	"sync"            // want: pure is pure and imports sync
	"time"
)

var counter int
var table = map[string]int{}
var _ = []any{rand.Text, rand.N[int], http.StatusOK, os.Args, sync.Mutex{}}

func start() {
	go start() // want: pure is pure and starts a goroutine
}

func channel(c interface{}) {
	_ = c.(chan int) // want: pure is pure and uses a channel
}

func clock(d time.Duration) time.Time {
	return time.Now().Add(d) // want: pure is pure and reads the clock by time.Now
}

func global() {
	counter++        // want: pure is pure and assigns its package variable counter
	table["key"] = 1 // want: pure is pure and assigns its package variable table
}

func local() {
	counter := 0
	counter++
	table := map[string]int{}
	table["key"] = counter
}
