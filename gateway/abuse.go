package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/store"
)

// bucketAbuse holds reports of abuse, by time.
const bucketAbuse = "abuse"

// AbuseLine is a report of abuse in a room of ours, as operators see it. Nothing in it is proved but the provider that sent it.
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
}

// ReportAbuse takes a report about a room of ours (draft-ietf-mimi-protocol-06 §5.9). 201 says that it is stored for the operators. A provider
// reports for its own users; whom it reports is in its own word. Rooms with a franking agent do not exist here, so that no message of a report can
// carry a frank of ours; one that claims to is kept without it.
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
	for _, m := range q.Messages {
		line.Messages = append(line.Messages, m.Content)
	}
	if err := g.keepReport(ctx, line); err != nil {
		g.log.Error("report of abuse was not stored", "provider", peer, "room", name, "error", err)
		return http.StatusServiceUnavailable, []byte("the report cannot be stored now")
	}
	g.log.Warn("abuse is reported", "id", line.ID, "provider", peer, "room", name, "abuser", line.Abuser, "messages", len(line.Messages))
	return http.StatusCreated, nil
}

// keepReport stores a report, and drops the oldest when there are too many.
func (g *Gateway) keepReport(ctx context.Context, line AbuseLine) error {
	value, err := json.Marshal(line)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, WriteTimeout)
	defer cancel()
	g.reporting.Lock() // one at a time: the bound is counted
	defer g.reporting.Unlock()
	held, err := g.opt.Store.List(ctx, bucketAbuse, "", "", MaxReports)
	if err != nil {
		return err
	}
	changes := []store.Change{{Key: line.ID, Value: value}}
	if len(held) >= MaxReports {
		changes = append(changes, store.Change{Key: held[0].Key})
	}
	return g.opt.Store.Update(ctx, bucketAbuse, changes...)
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
