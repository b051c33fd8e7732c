package mucmap

import (
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Reports of abuse (XEP-0377, sent to the room as a request of its own): they go to the operators of the provider that owns the room
// (draft-ietf-mimi-protocol-06 §5.9), with what proves the message where it was stamped (frank.go).

const nsReporting = "urn:xmpp:reporting:1"

// maxReported is how many messages one report names.
const maxReported = 16

// reportRate is how often one user reports in one room.
var reportRate = Rate{10, time.Minute}

// reportAbuse takes a report: of messages by their stanza-ids, or without any.
func (t *turn) reportAbuse(st *xmpp.Stanza) {
	r := t.r
	if e := r.missing(); e != nil {
		t.refuse(st, e)
		return
	}
	u, e := t.reader(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	x := st.Payload[0]
	var ids []string
	for _, c := range x.ChildrenNamed(muc.NSStanzaID, "stanza-id") {
		if c.Attr("by") == r.addr.Bare().String() && c.Attr("id") != "" {
			ids = append(ids, c.Attr("id"))
		}
	}
	switch {
	case x.Attr("reason") == "":
		e = refusal(xmpp.BadRequest, "a report has a reason") // XEP-0377 §3
	case len(ids) == 0:
		e = refusal(xmpp.BadRequest, "a report to a room names messages by their stanza-ids") // XEP-0377 §3
	case len(ids) > maxReported:
		e = refusal(xmpp.PolicyViolation, "too many messages in one report")
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	if e := t.reportsTooMuch(u); e != nil {
		t.limited(st, e)
		return
	}
	note := x.Attr("reason")
	if text := x.Child(nsReporting, "text"); text != nil && text.Text() != "" {
		note += ": " + text.Text()
	}
	t.query(st, Query{IDs: ids, Limit: maxReported}, func(t *turn, p *ArchivePage) {
		from := t.r.pub.historyFrom(u, t.now)
		if slices.ContainsFunc(p.Entries, func(e ArchiveEntry) bool { return e.Time.Before(from) }) {
			t.refuse(st, refusal(xmpp.ItemNotFound, noEntryForYou))
			return
		}
		if e := t.reportOf(u, clipText(note), p.Entries); e != nil {
			t.refuse(st, e)
			return
		}
		t.result(st)
	})
}

// reportsTooMuch says that a user reports too often.
func (t *turn) reportsTooMuch(u mimi.URI) *xmpp.StanzaError {
	if wait, ok := t.r.flood.reports.take(t.now, u, reportRate); !ok {
		return tooFast(xmpp.PolicyViolation, "you report too much at once", wait)
	}
	return nil
}

// reportOf reports what the archive has of the messages: all of one sender.
func (t *turn) reportOf(u mimi.URI, note string, entries []ArchiveEntry) *xmpp.StanzaError {
	r := t.r
	report := mimi.AbuseReport{Reporter: r.pub.listed(u), Note: note}
	var abuser mimi.URI
	for i := range entries {
		said, from, err := decodeArchived(entries[i].Data)
		if err != nil || from.User.IsZero() || !abuser.IsZero() && from.User != abuser {
			return refusal(xmpp.NotAcceptable, "a report is about messages of one occupant")
		}
		abuser = from.User
		m := mimi.AbusiveMessage{}
		if wire.Unmarshal(from.Proof, &m) != nil || len(from.Proof) == 0 {
			body, err := content.FromXMPP(&said, saltOf(t.derive("report")), r.pub.listed(from.User), r.uri, content.References{}).Encode()
			if err != nil || len(body) > maxProof {
				continue
			}
			m = mimi.AbusiveMessage{Content: body, AcceptedAt: uint64(entries[i].Time.UnixMilli())} // what the archive has of it, unproved
		}
		report.Messages = append(report.Messages, m)
	}
	if abuser.IsZero() {
		return refusal(xmpp.ItemNotFound, "the archive has no such message")
	}
	report.Abuser = r.pub.listed(abuser)
	body := wire.Marshal(&report)
	if len(body) > maxReport {
		return refusal(xmpp.PolicyViolation, "the messages are too long for one report")
	}
	t.note(NoteInfo, "abuse is reported", Attr{"by", u.String()}, Attr{"of", abuser.String()}, Attr{"to", r.uri.Provider()})
	t.out.Outbox = append(t.out.Outbox, Delivery{Provider: r.uri.Provider(), Endpoint: string(mimi.EndpointReportAbuse), Room: r.uri.String(), Body: body})
	return nil
}

// maxReport bounds a report, in bytes: hubs take no larger ones.
const maxReport = 128 << 10

// bodyOf is the text of a message.
func bodyOf(payload []*xmpp.Element) string {
	var texts []string
	for _, e := range payload {
		if e.Is(xmpp.NSClient, "body") {
			texts = append(texts, e.Text())
		}
	}
	return strings.Join(texts, "\n")
}
