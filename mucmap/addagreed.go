package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// Who has consented is added. What stands in the way for a time only, as a provider that cannot be reached, is no answer to the inviter: it is tried
// again, ever more rarely, as long as a question for consent may wait.

const (
	addPauseMin = time.Minute
	addPauseMax = time.Hour
)

// adding is what is known of the attempts to add a user who has consented. It is not stored: a restart is an attempt.
type adding struct {
	next       time.Time // of the next attempt; zero: one is under way
	committing bool      // with key packages in hand: only the group's answer is missing
	why        string    // the last attempt failed
}

// whyNot says why a user who consented was never added.
func (a adding) whyNot(u mimi.URI) string {
	if a.why == "" {
		return u.String() + " cannot be added"
	}
	return u.String() + " cannot be added: " + a.why
}

// addPause is how long the next attempt waits: as long again as was tried already, within bounds.
func addPause(since time.Duration) time.Duration { return min(max(since, addPauseMin), addPauseMax) }

// addAgreed adds a user who has consented: with the key packages that came with the consent, or with such as its provider gives now.
func (t *turn) addAgreed(a awaited) {
	r := t.r
	attempt := r.adding[a.User]
	attempt.next, attempt.committing = time.Time{}, false
	r.adding[a.User] = attempt
	end := func(t *turn, e *xmpp.StanzaError) { t.notAdded(a, e) }
	if e := r.addable(a.User); e != nil {
		end(t, e)
		return
	}
	if len(a.Packages) > 0 && r.hub != nil { // the hub of a room elsewhere takes those alone that went by way of it
		if m := t.learn(a.User, t.r.suite(), givenPackages(a.User, a.Packages)); m.refused == nil {
			t.addWith(a, m, end)
			return
		}
	}
	t.seekKeys(a.By, a.User, func(t *turn, m material) {
		switch now := t.r.pub.awaitedUser(a.User); {
		case now == nil || !now.Agreed: // taken back meanwhile
		case m.refused != nil:
			end(t, m.refused)
		default:
			t.addWith(a, m, end)
		}
	})
}

func (t *turn) addWith(a awaited, m material, end func(*turn, *xmpp.StanzaError)) {
	attempt := t.r.adding[a.User]
	attempt.committing = true
	t.r.adding[a.User] = attempt
	t.addRemote(a.By, a.User, m.packages, a.Reason, end)
}

// notAdded ends the invitation of somebody who consented, if what stands in the way is there to stay.
func (t *turn) notAdded(a awaited, e *xmpp.StanzaError) {
	if e.Type != xmpp.Wait {
		t.declined(a, e.Text)
		return
	}
	since := a.AgreedAt
	if since.IsZero() {
		since = a.At
	}
	next := t.now.Add(addPause(t.now.Sub(since)))
	t.note(NoteInfo, "who consented cannot be added yet", Attr{"user", a.User.String()}, Attr{"reason", e.Text}, Attr{"next", next.Format(time.RFC3339)})
	t.r.adding[a.User] = adding{next: next, why: e.Text}
}

// addAgain makes the next attempt if it is time, and returns when to look again.
func (t *turn) addAgain(a awaited) time.Time {
	attempt := t.r.adding[a.User]
	if !a.Agreed || attempt.next.IsZero() {
		return time.Time{}
	}
	if t.now.Before(attempt.next) {
		return attempt.next
	}
	t.addAgreed(a)
	return t.r.adding[a.User].next
}

// addConsenting goes on, after a restart, with those who have consented.
func (t *turn) addConsenting() {
	for _, a := range slices.Clone(t.r.pub.Awaiting) {
		if a.Agreed {
			t.addAgreed(a)
		}
	}
}
