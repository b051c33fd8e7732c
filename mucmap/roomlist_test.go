package mucmap

import (
	"fmt"
	"iter"
	"testing"
	"time"

	"anteroom/internal/conform"
	"anteroom/xmpp/muc"
)

// A list of rooms that is too long for one answer says how many there are, and the rest comes page by page (XEP-0045 §6.3, XEP-0059).
func TestRoomListSaysThatItIsNotComplete(t *testing.T) {
	conform.Holds(t, "0045-6.3-2")
	svc := testService(t)
	const total = 2*maxDiscoItems + 1
	var rooms iter.Seq[Summary] = func(yield func(Summary) bool) {
		for i := range total {
			if !yield(Summary{Name: fmt.Sprintf("room%05d", i), Public: true}) {
				return
			}
		}
	}
	seen := map[string]bool{}
	after := ""
	for pages := 0; len(seen) < total; pages++ {
		if pages > 5 {
			t.Fatalf("%d of %d rooms after %d pages", len(seen), total, pages)
		}
		all, err := stanzas("<iq from='romeo@a.example/x' to='rooms.a.example' type='get' id='q'><query xmlns='" + muc.NSDiscoItems + "'>" + after + "</query></iq>")
		if err != nil {
			t.Fatal(err)
		}
		answers, _ := svc.HandleService(time.Unix(0, 0), all[0], rooms)
		if len(answers) != 1 {
			t.Fatalf("%d answers", len(answers))
		}
		a, err := muc.ParseDiscoItems(answers[0].Payload[0])
		if err != nil {
			t.Fatal(err)
		}
		if a.RSM == nil || a.RSM.Count == nil || *a.RSM.Count != total || len(a.Items) == 0 || len(a.Items) > maxDiscoItems {
			t.Fatalf("page %d has %d rooms and says %+v", pages, len(a.Items), a.RSM)
		}
		for _, it := range a.Items {
			if seen[it.JID.String()] {
				t.Errorf("%s comes twice", it.JID)
			}
			seen[it.JID.String()] = true
		}
		after = "<set xmlns='" + muc.NSRSM + "'><after>" + a.RSM.Last + "</after></set>"
	}
}
