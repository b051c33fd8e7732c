package mucmap

import (
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The search for users of other providers as clients know it (XEP-0055, by its data form alone: no field of the old way means a provider). Users of
// our own are in their server's directory, not in ours.

const nsUserSearch = "jabber:iq:search"

// userSearchForm is what can be searched for (XEP-0055 §3).
func userSearchForm() muc.Form {
	f := muc.NewForm(muc.FormAsk, nsUserSearch,
		required(muc.TextField("user", "Address, or a part of the name", "")), muc.TextField(fieldProvider, "Provider to ask; not needed with an address", ""))
	f.Title = "Search for users of other providers"
	f.Instructions = []string{"Those are found who want to be."}
	return f
}

// userSearch answers a request for the form.
func (q *serviceQuery) userSearch() (*xmpp.Element, *xmpp.StanzaError) {
	return xmpp.NewElement(nsUserSearch, "query").With(xmpp.TextElement(nsUserSearch, "instructions", "Fill in the form: those are found who want to be."), userSearchForm().Element()), nil
}

// foreignSearch refuses searches elsewhere to who is no user; those of users come to their person (Service.Route).
func (q *serviceQuery) foreignSearch() (*xmpp.Element, *xmpp.StanzaError) {
	return nil, refusal(xmpp.Forbidden, "searching other providers is for users")
}

// seekUsers is a search for users of another provider (XEP-0055 §3).
func (t *turn) seekUsers(st *xmpp.Stanza) {
	refuse := func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }
	x := st.Payload[0].Child(muc.NSForm, "x")
	if x == nil {
		refuse(t, refusal(xmpp.FeatureNotImplemented, "users are searched for by the data form that the service offers")) // XEP-0055 §3
		return
	}
	f, err := muc.ParseForm(x)
	if err != nil {
		refuse(t, asStanzaError(err))
		return
	}
	if f.Type != muc.FormSubmit || f.FormType() != nsUserSearch {
		refuse(t, refusal(xmpp.BadRequest, "this is no submitted form of a search")) // XEP-0055 §3
		return
	}
	what, _ := f.Text("user")
	provider, _ := f.Text(fieldProvider)
	provider, q, e := t.r.svc.userQuery(strings.TrimSpace(what), strings.ToLower(strings.TrimSpace(provider)))
	if e != nil {
		refuse(t, e)
		return
	}
	t.seek(provider, q, seek{refuse, func(t *turn, found *findings) {
		out := muc.NewForm(muc.FormResult, nsUserSearch)
		out.Reported = []muc.Field{{Var: "jid", Type: muc.FieldJIDSingle, Label: "Address"}, muc.TextField("name", "Name", "")}
		var rows [][]string
		for _, u := range found.users {
			rows = append(rows, []string{u.address, u.name})
		}
		t.result(st, xmpp.NewElement(nsUserSearch, "query").With(addRows(&out, rows, "search for more to see the others.").Element()))
	}})
}
