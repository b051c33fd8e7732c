package mucmap

import (
	"encoding/json"
	"strings"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The ways to ask for another cipher suite: an operator's order and an owner's command.

// ReInitOrder is the body of [RequestReInit], in JSON. Without a suite it asks only how things are.
type ReInitOrder struct {
	Suite string `json:"suite,omitempty"` // registered name or number
}

// ReInitState answers a [ReInitOrder].
type ReInitState struct {
	Suite   string `json:"suite"`             // of the group now
	Wanted  string `json:"wanted,omitempty"`  // by the reinitialisation that is under way
	Refused string `json:"refused,omitempty"` // why the last one an operator ordered did not take place
}

// orderReInit begins to reinitialise the group, for an operator. What came of it is asked for later.
func (t *turn) orderReInit(body []byte, reply func(int, string)) {
	r := t.r
	var o ReInitOrder
	if len(body) > 0 && json.Unmarshal(body, &o) != nil {
		reply(statusBadRequest, "this is no order")
		return
	}
	status := statusOK
	if o.Suite != "" {
		suite, known := mls.ParseCipherSuite(o.Suite)
		if !known {
			reply(statusBadRequest, "suite: "+clipText(o.Suite)+" is none of "+suiteNames())
			return
		}
		if e := r.mayReInit(suite, mimi.URI{}); e != nil {
			reply(statusConflict, e.Text)
			return
		}
		status, r.reInitRefused = statusAccepted, ""
		t.reinitialise(suite, mimi.URI{}, func(*turn) {}, func(t *turn, e *xmpp.StanzaError) { t.r.reInitRefused = e.Text })
	}
	s := ReInitState{Suite: r.suite().Name(), Refused: r.reInitRefused}
	if r.reInit != nil {
		s.Wanted = r.reInit.suite.Name()
	}
	reply(status, string(encodeJSON(s)))
}

// suiteNames are the cipher suites that groups can have, in words.
func suiteNames() string {
	var names []string
	for _, s := range mls.CipherSuites() {
		names = append(names, s.Name())
	}
	return strings.Join(names, ", ")
}

const commandReInit = "urn:anteroom:room#reinit"

// suiteForm offers all suites but the present one.
func suiteForm(r *Room) muc.Form {
	var options []muc.Option
	for _, s := range mls.CipherSuites() {
		if s != r.suite() {
			options = append(options, muc.Option{Label: s.Name(), Value: s.Name()})
		}
	}
	f := commandForm("Cipher suite", required(muc.ListField("suite", "Cipher suite of the group", "", options...)))
	f.Instructions = []string{"The group has " + r.suite().Name() + " now. Another takes effect only if every client in the group can use it."}
	return f
}

func checkSuite(r *Room, u mimi.URI, f *muc.Form) *xmpp.StanzaError {
	text, _ := f.Text("suite")
	suite, known := mls.ParseCipherSuite(text)
	if !known {
		return refusal(xmpp.BadRequest, "suite names no cipher suite that is known here")
	}
	return r.mayReInit(suite, u)
}

func reInitRoom(t *turn, u mimi.URI, s *commandSession, done func(*turn, commandResult), refuse func(*turn, *xmpp.StanzaError)) {
	text, _ := s.filled[0].Text("suite")
	suite, _ := mls.ParseCipherSuite(text)
	t.reinitialise(suite, u, func(t *turn) { done(t, commandResult{note: "The group has " + suite.Name() + " now."}) }, refuse)
}
