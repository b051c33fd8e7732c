package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
)

// draft-ietf-mimi-protocol-06 §5.9: reports about rooms of ours are kept for operators, so many and no more.
func TestReportAbuse(t *testing.T) {
	garden := mimi.MustURI("mimi://a.example/r/garden")
	report := func(reporter, note string) []byte {
		q := mimi.AbuseReport{Abuser: mimi.MustURI("mimi://c.example/u/carol"), Note: note, Messages: []mimi.AbusiveMessage{{Content: []byte("spam")}}}
		if reporter != "" {
			q.Reporter = mimi.MustURI(reporter)
		}
		return wire.Marshal(&q)
	}
	const bob = "mimi://b.example/u/bob"
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		for _, test := range []struct {
			why, peer, room string
			body            []byte
			status          int
		}{
			{"no report", "b.example", garden.String(), []byte("x"), http.StatusBadRequest},
			{"cut short", "b.example", garden.String(), report(bob, "")[:20], http.StatusBadRequest},
			{"in the name of another provider's user", "d.example", garden.String(), report(bob, ""), http.StatusForbidden},
			{"in the name of our user", "d.example", garden.String(), report("mimi://a.example/u/juliet", ""), http.StatusForbidden},
			{"a room that is not there", "b.example", "mimi://a.example/r/hall", report(bob, ""), http.StatusNotFound},
			{"a room of another hub", "b.example", "mimi://c.example/r/garden", report(bob, ""), http.StatusNotFound},
			{"a report", "b.example", garden.String(), report(bob, "first"), http.StatusCreated},
			{"a report by nobody", "b.example", garden.String(), report("", "second"), http.StatusCreated},
		} {
			if status, text := b.g.ReportAbuse(b.t.Context(), test.peer, mimi.MustURI(test.room), test.body); status != test.status {
				t.Errorf("%s: %d %q, want %d", test.why, status, text, test.status)
			}
		}
		w := httptest.NewRecorder()
		b.g.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/abuse", nil))
		var lines []AbuseLine
		if err := json.Unmarshal(w.Body.Bytes(), &lines); err != nil || len(lines) != 2 {
			t.Fatalf("%d reports for operators, want 2: %v", len(lines), err)
		}
		first := lines[0]
		if first.Provider != "b.example" || first.Room != "garden" || first.Reporter != bob || first.Abuser != "mimi://c.example/u/carol" ||
			first.Note != "first" || len(first.Messages) != 1 || string(first.Messages[0]) != "spam" || lines[1].Reporter != "" {
			t.Errorf("reports %+v", lines)
		}
		for i := range MaxReports {
			if status, _ := b.g.ReportAbuse(b.t.Context(), "b.example", garden, report(bob, strconv.Itoa(i))); status != http.StatusCreated {
				t.Fatalf("report %d: %d", i, status)
			}
		}
		all, err := b.g.AbuseReports(b.t.Context())
		if err != nil || len(all) != MaxReports || all[0].Note != "0" || all[len(all)-1].Note != strconv.Itoa(MaxReports-1) {
			t.Errorf("%d reports are kept, %v", len(all), err)
		}
	})
}

// A provider that floods us with reports pushes out its own, not those of others.
func TestReportsOfOneProviderLeaveTheOthers(t *testing.T) {
	garden := mimi.MustURI("mimi://a.example/r/garden")
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		report := func(peer, note string) {
			body := wire.Marshal(&mimi.AbuseReport{Abuser: mimi.MustURI("mimi://c.example/u/carol"), Note: note})
			if status, text := b.g.ReportAbuse(b.t.Context(), peer, garden, body); status != http.StatusCreated {
				t.Fatalf("report of %s: %d %q", peer, status, text)
			}
		}
		report("b.example", "honest")
		b.stop()
		time.Sleep(time.Second)
		b.start() // what is stored counts
		for i := range 2 * MaxReports {
			report("flood.example", strconv.Itoa(i))
		}
		all, err := b.g.AbuseReports(b.t.Context())
		if err != nil || len(all) != MaxReports || all[0].Note != "honest" || all[len(all)-1].Note != strconv.Itoa(2*MaxReports-1) {
			t.Errorf("%d reports are kept, %v; the first is %+v", len(all), err, all[0])
		}
	})
}
