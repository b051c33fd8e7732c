package gateway

import (
	"context"
	"errors"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
)

// errPanicked is what is said of a look into the archive that failed by a fault of ours.
var errPanicked = errors.New("gateway: internal error")

// query carries out what the room asks of its archive, beside the actor; the pages come back as inputs. The core bounds how many
// are under way per room.
func (a *actor) query(queries []mucmap.Query) {
	for _, q := range queries {
		a.jobs++
		incarnation, box := a.incarnation, a.box
		a.g.jobs.Go(func() {
			box.force(item{page: &pageResult{a.g.page(a.name, q), incarnation}, at: time.Now()})
		})
	}
}

// page reads one answer from the archive. A panic of the core there is the answer's failure.
func (g *Gateway) page(room string, q mucmap.Query) (page mucmap.ArchivePage) {
	defer func() {
		if p := recover(); p != nil {
			g.panicked("looking into the archive", p, "room", room)
			page = mucmap.ArchivePage{Query: q, Err: errPanicked}
		}
	}()
	ctx, cancel := context.WithTimeout(g.ctx, ReadTimeout)
	defer cancel()
	select {
	case g.readers <- struct{}{}:
		defer func() { <-g.readers }()
	case <-ctx.Done():
		return mucmap.ArchivePage{Query: q, Err: ctx.Err()}
	}
	return q.Run(func(r mucmap.ArchiveRange) (mucmap.ArchiveSlice, error) {
		page, err := g.opt.Store.Archive(ctx, room, store.ArchiveQuery{
			After: r.After, Before: r.Before, Since: r.Since, Until: r.Until, Newest: r.Newest, Limit: min(r.Limit, store.MaxPage)})
		if errors.Is(err, store.ErrNotFound) {
			return mucmap.ArchiveSlice{}, mucmap.ErrNoEntry
		}
		if err != nil {
			return mucmap.ArchiveSlice{}, err
		}
		s := mucmap.ArchiveSlice{Index: page.Index, Total: page.Total, Complete: page.Complete}
		for _, e := range page.Entries {
			s.Entries = append(s.Entries, mucmap.ArchiveEntry{ID: e.ID, Time: e.Time, Sender: e.Sender, Data: e.Body})
		}
		return s, nil
	})
}
