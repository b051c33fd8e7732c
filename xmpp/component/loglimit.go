package component

import (
	"sync"
	"time"
)

// What a peer can make us log is limited: so many lines in so much time.
const (
	logLines  = 20
	logPeriod = 10 * time.Second
)

// logLimit says whether a line may be logged.
type logLimit struct {
	mu         sync.Mutex
	began      time.Time
	lines      int
	suppressed int
}

// allow says whether a line may be logged now, and how many were left out since the last one that was.
func (l *logLimit) allow(now time.Time) (ok bool, suppressed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.began) >= logPeriod {
		l.began, l.lines = now, 0
	}
	if l.lines == logLines {
		l.suppressed++
		return false, 0
	}
	l.lines++
	suppressed, l.suppressed = l.suppressed, 0
	return true, suppressed
}
