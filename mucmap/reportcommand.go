package mucmap

import (
	"slices"
	"strconv"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Reports of abuse for clients without XEP-0377: an ad-hoc command of the room that reports what somebody said last (report.go).

const commandReport = "urn:anteroom:room#report"

// reportReasons are those of XEP-0377 §3.
var reportReasons = []muc.Option{{Label: "Spam", Value: "urn:xmpp:reporting:spam"}, {Label: "Abuse", Value: "urn:xmpp:reporting:abuse"}}

func reportForm(*Room) muc.Form {
	return commandForm("Report to those who run this service",
		required(muc.TextField("nick", "Nick of who said it", "")),
		muc.TextField("messages", "How many of its last messages, up to "+strconv.Itoa(maxReported), "1"),
		required(muc.ListField("reason", "Reason", reportReasons[0].Value, reportReasons...)),
		muc.TextField("text", "In your words", ""))
}

// reportAsked is what a filled-in form reports.
type reportAsked struct {
	nick, note string
	messages   int
}

func readReport(f *muc.Form) (a reportAsked, e *xmpp.StanzaError) {
	a.nick, _ = f.Text("nick")
	reason, _ := f.Text("reason")
	text, _ := f.Text("text")
	a.messages = 1
	if n, present := f.Text("messages"); present && n != "" {
		var err error
		if a.messages, err = strconv.Atoi(n); err != nil || a.messages < 1 || a.messages > maxReported {
			return a, refusal(xmpp.BadRequest, "messages is no number from 1 to "+strconv.Itoa(maxReported))
		}
	}
	switch {
	case a.nick == "":
		return a, refusal(xmpp.BadRequest, "nick is missing")
	case !slices.ContainsFunc(reportReasons, func(o muc.Option) bool { return o.Value == reason }):
		return a, refusal(xmpp.BadRequest, "reason is none that the form offers")
	}
	if a.note = reason; text != "" {
		a.note += ": " + text
	}
	a.note = clipText(a.note)
	return a, nil
}

func checkReport(_ *Room, _ mimi.URI, f *muc.Form) *xmpp.StanzaError {
	_, e := readReport(f)
	return e
}

// reportLast reports the last messages under a nick: of whoever said the last one.
func reportLast(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	asked, e := readReport(s.filled[0])
	if e == nil {
		e = t.reportsTooMuch(u)
	}
	if e != nil {
		refuse(t, e)
		return
	}
	key := nickKey(asked.nick)
	q := Query{Newest: true, Limit: asked.messages, Match: func(entry *ArchiveEntry) bool {
		said, from, err := decodeArchived(entry.Data)
		return err == nil && !from.User.IsZero() && nickKey(said.From.Resource()) == key && bodyOf(said.Payload) != ""
	}}
	t.r.pub.withhold(u, t.now, &q)
	t.query(&s.st, q, func(t *turn, p *ArchivePage) {
		entries := p.Entries
		if len(entries) > 0 {
			last := sayer(&entries[len(entries)-1])
			entries = slices.DeleteFunc(slices.Clone(entries), func(entry ArchiveEntry) bool { return sayer(&entry) != last })
		}
		if e := t.reportOf(u, asked.note, entries); e != nil {
			refuse(t, e)
			return
		}
		done(t, commandResult{note: strconv.Itoa(len(entries)) + " of the last messages of " + asked.nick + " are reported."})
	})
}

// sayer is who said an archived message.
func sayer(entry *ArchiveEntry) mimi.URI {
	_, from, _ := decodeArchived(entry.Data)
	return from.User
}
