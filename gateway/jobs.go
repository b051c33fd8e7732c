package gateway

import (
	"runtime/debug"
	"time"

	"anteroom/mucmap"
)

// start runs commit jobs on the workers. Their number is bounded by the core, which starts few per room.
func (a *actor) start(jobs []mucmap.CommitJob) {
	for _, job := range jobs {
		a.jobs++
		incarnation, box := a.incarnation, a.box
		a.g.jobs.Go(func() {
			select {
			case a.g.workers <- struct{}{}:
				defer func() { <-a.g.workers }()
			case <-a.g.ctx.Done():
				return
			}
			res := &jobResult{incarnation: incarnation}
			began := time.Now()
			res.run(job)
			a.g.m.jobs.Observe(time.Since(began).Seconds())
			box.force(item{done: res, at: time.Now()})
		})
	}
}

// run does the work; a panic comes back to the room that asked for it.
func (r *jobResult) run(job mucmap.CommitJob) {
	defer func() {
		if p := recover(); p != nil {
			r.panicked, r.stack = p, debug.Stack()
		}
	}()
	r.Job = job.ID
	r.Result, r.Err = job.Run()
}
