package mucmap

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// What would come of an act is asked of the same functions that decide when somebody tries: the texts are those of stanza errors, of MIMI
// refusals and of the log. Nothing is changed.

// Explanation says what would come of an act of a user in a room of ours.
type Explanation struct {
	User   string // as the group lists it
	Role   string // its role there; empty: it is not listed
	Target string // as the group lists it; empty if the act has none
	// MUC is why XEP-0045's rules would refuse, as an XMPP user reads it; empty: they would not.
	MUC string
	// Policy is why the room's policy would refuse, as members of all providers read it; empty: it would not.
	Policy string
}

// Allowed says that nothing speaks against the act.
func (e *Explanation) Allowed() bool { return e.MUC == "" && e.Policy == "" }

// itemActs are the acts upon somebody else, as the items of muc#admin that ask for them.
var itemActs = map[string]muc.Item{
	"kick": {Role: muc.RoleNone}, "mute": {Role: muc.RoleVisitor}, "voice": {Role: muc.RoleParticipant}, "moderator": {Role: muc.RoleModerator},
	"ban": {Affiliation: muc.AffiliationOutcast}, "unlist": {Affiliation: muc.AffiliationNone}, "member": {Affiliation: muc.AffiliationMember},
	"admin": {Affiliation: muc.AffiliationAdmin}, "owner": {Affiliation: muc.AffiliationOwner},
}

// ExplainedActs names the acts that Explain knows: first those without a target, then those with one.
func ExplainedActs() (alone, upon []string) {
	return []string{"enter", "speak", "subject"}, slices.Sorted(maps.Keys(itemActs))
}

// Explain says what would come of an act. Users are given as addresses (juliet@a.example, u%bob%b.example@rooms.a.example) or as
// mimi:// URIs. The error says what is wrong with the question.
func (r *Room) Explain(user, act, target string) (Explanation, error) {
	var e Explanation
	if r.hub == nil {
		return e, errors.New("only the provider that owns a room can say what its policy makes of an act")
	}
	u, err := r.named(user)
	if err != nil {
		return e, fmt.Errorf("user: %w", err)
	}
	as := r.pub.listed(u)
	e.User = as.String()
	state := r.hub.State()
	if role, ok := state.Role(state.RoleOf(as)); ok && state.RoleOf(as) != mimi.RoleNone {
		e.Role = role.Name
	}
	item, upon := itemActs[act]
	switch alone, others := ExplainedActs(); {
	case !upon && !slices.Contains(alone, act):
		return e, fmt.Errorf("act %q is none of %s, %s", act, strings.Join(alone, ", "), strings.Join(others, ", "))
	case upon && target == "":
		return e, fmt.Errorf("act %s needs a target: the address of the user whom it is done to", act)
	case !upon && target != "":
		return e, fmt.Errorf("act %s has no target", act)
	}
	d := &delta{r: r, state: listing{state, r.pub}, why: map[mimi.URI]why{}, alters: map[mls.ComponentID]bool{}, signer: u, actor: r.nickOf(u)}
	switch act {
	case "enter":
		e.muc(r.mayEnter(u, ""))
		client, err := mimi.ClientURI(as.Provider(), as.Name(), deviceName)
		if err != nil {
			return e, err
		}
		e.policy(policy.AuthorizeGroupInfo(state, mimi.BasicCredential(client), r.policyOptions()))
		return e, nil
	case "speak":
		switch o := r.pub.occupant(u); {
		case o == nil:
			e.muc(refusal(xmpp.NotAcceptable, "only occupants may send messages to this room"))
		case o.Role < muc.RoleParticipant:
			e.muc(refusal(xmpp.Forbidden, noVoice))
		}
		e.policy(policy.AuthorizeSend(state, as))
		return e, nil
	case "subject":
		e.muc(r.maySetSubject(u))
		m := *state.Metadata()
		m.Subject += "?"
		d.replace(mimi.ComponentRoomMetadata, &m)
	default:
		t, err := r.named(target)
		if err != nil {
			return e, fmt.Errorf("target: %w", err)
		}
		e.Target = r.pub.listed(t).String()
		item.JID = r.svc.UserJID(t).Bare()
		items := []muc.Item{item}
		if refused := r.checkItems(u, items); refused != nil {
			e.muc(refused)
		}
		if refused := d.item(u, &items[0]); refused != nil {
			e.muc(refused)
			return e, nil // there is nothing that policy could be asked about
		}
	}
	e.policy(r.tryProposals(as, d))
	return e, nil
}

func (e *Explanation) muc(refused *xmpp.StanzaError) {
	if refused != nil && e.MUC == "" {
		e.MUC = string(refused.Condition) + ": " + refused.Text
	}
}

func (e *Explanation) policy(err error) {
	if err != nil {
		e.Policy = err.Error()
	}
}

// named reads a user of a question.
func (r *Room) named(text string) (mimi.URI, error) {
	if meansURI(text) {
		u, err := mimi.ReadURI(text)
		if err == nil && u.Kind() != mimi.KindUser {
			err = fmt.Errorf("%s is not a user", u)
		}
		return r.pub.behind(u), err
	}
	j, err := xmpp.ParseJID(text)
	if err != nil {
		return mimi.URI{}, err
	}
	if j.Local() == "" {
		return mimi.URI{}, fmt.Errorf("%q is not the address of a user, like juliet@%s", text, r.svc.cfg.Provider)
	}
	return r.svc.UserURI(j.Bare())
}

// policyOptions is what the hub asks policy with.
func (r *Room) policyOptions() policy.Options {
	o := r.hubOptions(r.hub.Group().Public().Suite())
	return policy.Options{Extra: o.Extra, JoinCode: o.JoinCode, Seed: true, System: o.System}
}

// tryProposals asks policy about the proposals of a delta as if a client of a user sent them.
func (r *Room) tryProposals(as mimi.URI, d *delta) error {
	pg := r.hub.Group().Public()
	var sender *mls.Sender
	for i, node := range pg.Leaves() {
		if c, err := mimi.CredentialClient(node.Credential); err == nil && c.ClientUser() == as {
			sender = &mls.Sender{Type: mls.SenderMember, Leaf: i}
			break
		}
	}
	if sender == nil {
		return fmt.Errorf("%s has no client in the group, and can propose nothing", as)
	}
	var bundle []mls.PendingProposal
	propose := func(p mls.Proposal) { bundle = append(bundle, mls.PendingProposal{Proposal: p, Sender: *sender}) }
	if !d.list.Empty() {
		propose(mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: marshal(&d.list)})
	}
	for _, p := range d.updates {
		propose(p)
	}
	for _, leaf := range d.removes {
		propose(mls.Remove{Removed: leaf})
	}
	if len(bundle) == 0 {
		return nil // it is so already
	}
	return policy.AuthorizeProposals(r.hub.State(), pg, bundle, r.policyOptions())
}
