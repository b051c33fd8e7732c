package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/store"
)

// bucketAbuse holds reports of abuse, by time.
const bucketAbuse = "abuse"

// AbuseLine is a report of abuse in a room of ours, as operators see it. What is proved of it are the provider that sent it, and the messages of which
// Found says so: that Abuser sent them to Room, at the time that they say.
type AbuseLine struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Provider string    `json:"provider"` // that sent the report
	Room     string    `json:"room"`
	Reporter string    `json:"reporter,omitempty"`
	Abuser   string    `json:"abuser"`
	Reason   uint8     `json:"reason"`
	Note     string    `json:"note,omitempty"`
	Messages [][]byte  `json:"messages,omitempty"` // MIMI content, as the reporter says it was
	Found    []Found   `json:"found,omitempty"`    // of each message
}

// Found is what the hub finds of a reported message.
type Found struct {
	Proved bool      `json:"proved"`
	Why    string    `json:"why,omitempty"` // it is not proved
	Said   time.Time `json:"said"`          // accepted by the hub, if it is proved
	Text   string    `json:"text,omitempty"`
}

// ReportAbuse takes a report about a room of ours (draft-ietf-mimi-protocol-06 §5.9). 201 says that it is stored for the operators. A provider
// reports for its own users; a message counts as proved when our stamp on it says that this user sent just this to just this room (§5.4.1), and
// is kept as the reporter's word otherwise.
func (g *Gateway) ReportAbuse(ctx context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	g.m.requests.WithLabelValues(string(mimi.EndpointReportAbuse)).Inc()
	var q mimi.AbuseReport
	name := g.opt.Rooms.RoomName(room)
	switch err := wire.Unmarshal(body, &q); {
	case err != nil:
		return http.StatusBadRequest, []byte(err.Error())
	case !q.Reporter.IsZero() && q.Reporter.Provider() != peer:
		return http.StatusForbidden, []byte("reportingUser: belongs to another provider")
	case name == "" || !g.dir.known(name):
		return http.StatusNotFound, []byte("the room is not one of this provider's")
	}
	now := time.Now()
	line := AbuseLine{ID: fmt.Sprintf("%020d-%020d", now.UnixNano(), g.request.Add(1)), At: now.UTC(), Provider: peer, Room: name,
		Reporter: q.Reporter.String(), Abuser: q.Abuser.String(), Reason: q.Reason, Note: q.Note}
	proved := 0
	for _, m := range q.Messages {
		v := g.opt.Rooms.Judge(room, q.Abuser, &m)
		if !v.Proved && peer == g.opt.Provider {
			v.Why = "as our own archive has it" // of a user of ours, whose messages are not stamped for us
		}
		line.Messages = append(line.Messages, m.Content)
		line.Found = append(line.Found, Found{Proved: v.Proved, Why: v.Why, Text: v.Text, Said: time.UnixMilli(int64(min(m.AcceptedAt, maxMilli))).UTC()})
		if v.Proved {
			proved++
		}
	}
	if err := g.keepReport(ctx, line); err != nil {
		g.log.Error("report of abuse was not stored", "provider", peer, "room", name, "error", err)
		return http.StatusServiceUnavailable, []byte("the report cannot be stored now")
	}
	g.log.Warn("abuse is reported", "id", line.ID, "provider", peer, "room", name, "abuser", line.Abuser, "messages", len(line.Messages), "proved", proved)
	return http.StatusCreated, nil
}

// maxMilli is the last time that JSON can hold (RFC 3339: the year 9999).
const maxMilli = 253402300799999

// reports knows which reports are kept.
type reports struct {
	mu    sync.Mutex // held while one is stored: the bound is counted
	known bool       // kept is what the store has
	kept  []keptReport
}

type keptReport struct{ id, provider string }

// load reads from the store what is not known.
func (r *reports) load(ctx context.Context, s store.Store) error {
	if r.known {
		return nil
	}
	held, err := s.List(ctx, bucketAbuse, "", "", MaxReports)
	if err != nil {
		return err
	}
	r.kept = nil
	for _, rec := range held {
		var line AbuseLine
		_ = json.Unmarshal(rec.Value, &line) // one that cannot be read is nobody's
		r.kept = append(r.kept, keptReport{rec.Key, line.Provider})
	}
	r.known = true
	return nil
}

// surplus is the place of the report that makes room for another: the oldest of the provider that sent the most, so that a flood of reports is no way
// to get rid of those of others.
func (r *reports) surplus() int {
	count, most := map[string]int{}, 0
	for _, k := range r.kept {
		count[k.provider]++
		most = max(most, count[k.provider])
	}
	return slices.IndexFunc(r.kept, func(k keptReport) bool { return count[k.provider] == most })
}

// keepReport stores a report, and drops another when there are too many.
func (g *Gateway) keepReport(ctx context.Context, line AbuseLine) error {
	value, err := json.Marshal(line)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
	defer cancel()
	r := &g.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.load(ctx, g.opt.Store); err != nil {
		return err
	}
	changes, kept := []store.Change{{Key: line.ID, Value: value}}, r.kept
	if len(kept) >= MaxReports {
		i := r.surplus()
		changes = append(changes, store.Change{Key: kept[i].id})
		kept = slices.Delete(slices.Clone(kept), i, i+1)
	}
	if err := g.opt.Store.Update(ctx, bucketAbuse, changes...); err != nil {
		r.known = false // it may have taken effect
		return err
	}
	r.kept = append(kept, keptReport{line.ID, line.Provider})
	return nil
}

// AbuseReports lists the reports, the oldest first.
func (g *Gateway) AbuseReports(ctx context.Context) ([]AbuseLine, error) {
	out := []AbuseLine{}
	held, err := g.opt.Store.List(ctx, bucketAbuse, "", "", MaxReports)
	if err != nil {
		return nil, err
	}
	for _, rec := range held {
		var line AbuseLine
		if err := json.Unmarshal(rec.Value, &line); err != nil {
			return nil, fmt.Errorf("gateway: report %s: %w", rec.Key, err)
		}
		out = append(out, line)
	}
	return out, nil
}
