// Package parallel spreads pure work over the processors, for the pure packages, which start no goroutine themselves. Safe for
// concurrent use.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Do calls do for each of 0 to n-1, on as many goroutines as there are processors, and returns when all calls have returned:
// what mls.Config.Parallel asks for. A panic in a call is raised again in the caller, so that a bug stays with its room.
func Do(n int, do func(int)) {
	var (
		next   atomic.Int64
		failed atomic.Pointer[any]
		wg     sync.WaitGroup
	)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					failed.Store(&p)
				}
			}()
			for i := next.Add(1) - 1; i < int64(n) && failed.Load() == nil; i = next.Add(1) - 1 {
				do(int(i))
			}
		})
	}
	wg.Wait()
	if p := failed.Load(); p != nil {
		panic(*p)
	}
}
