package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"anteroom/mimi"
	"anteroom/mucmap"
)

// RoomLine is one room in the administration's list.
type RoomLine struct {
	Name       string    `json:"name"`
	Title      string    `json:"title,omitempty"`
	Public     bool      `json:"public"`
	Persistent bool      `json:"persistent"`
	Locked     bool      `json:"locked"` // new and not configured yet
	Occupants  int       `json:"occupants"`
	Loaded     bool      `json:"loaded"`
	Epoch      uint64    `json:"epoch"`             // of the MLS group, as last seen
	Trouble    string    `json:"trouble,omitempty"` // why a room is in quarantine, or one of another provider was given up, or what that does to come back
	Wake       time.Time `json:"wake,omitzero"`
}

// RoomDetail is one room as the administration shows it.
type RoomDetail struct {
	RoomLine
	Description  string `json:"description,omitempty"`
	URI          string `json:"uri"`
	Group        string `json:"group"`               // id of the MLS group
	Suite        string `json:"suite"`               // its cipher suite; empty while we are not in it
	Hub          string `json:"hub,omitempty"`       // the provider that owns the room, if it is not ours
	HubUntil     string `json:"hub_until,omitempty"` // when the hub's certificate is over, RFC 3339; empty: it has a basic credential
	Participants int    `json:"participants"`
	Leaves       int    `json:"leaves"` // clients in the group, the keeper's included
	Events       uint64 `json:"events"` // of its log
	Jobs         int    `json:"jobs"`   // commits under way
	Waiting      int    `json:"waiting"`
	Owed         int    `json:"owed"` // deliveries to providers

	Bots     []BotLine    `json:"bots,omitempty"`     // that the room's bot policy allows
	Policies []PolicyLine `json:"policies,omitempty"` // of the group, besides
}

// PolicyLine is a policy for what messages contain, or the number of one that is not known here.
type PolicyLine struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// BotLine is one bot that a room allows.
type BotLine struct {
	Name            string `json:"name"`
	Where           string `json:"where,omitempty"` // the address that it has in the room, or its homepage
	Rights          string `json:"rights"`          // read, read-write, none or local
	State           string `json:"state,omitempty"` // as of MemberLine; empty: it is no participant
	PrivateMessages bool   `json:"private_messages"`
	PerUserContent  bool   `json:"per_user_content"`
	Description     string `json:"description,omitempty"`
}

// MemberLine is one participant of a room, or somebody who may enter without being asked.
type MemberLine struct {
	User        string `json:"user"` // mimi:// URI that the group lists
	JID         string `json:"jid"`  // who that is
	Affiliation string `json:"affiliation"`
	Role        string `json:"role"`
	State       string `json:"state"` // pre-authorised, participant, MLS member or banned
	Leaves      int    `json:"leaves"`
	Nick        string `json:"nick,omitempty"`
	Sessions    int    `json:"sessions"` // devices that are present
	Bot         bool   `json:"bot,omitempty"`
}

// ErrNoRoom: there is no such room.
var ErrNoRoom = errors.New("gateway: no such room")

// ErrNoTrouble: a room is to be released that was not given up and is in no quarantine.
var ErrNoTrouble = errors.New("the room was not given up: there is nothing to release")

// ErrUnavailable: the room cannot be loaded now.
var ErrUnavailable = errors.New("gateway: the room is not available now")

// RoomList lists all rooms, sorted by name.
func (g *Gateway) RoomList() []RoomLine {
	out := []RoomLine{}
	for s := range g.dir.all() {
		out = append(out, g.line(g.withTrouble(s)))
	}
	return out
}

func (g *Gateway) line(s mucmap.Summary) RoomLine {
	g.mu.Lock()
	_, loaded := g.actors[s.Name]
	g.mu.Unlock()
	return RoomLine{Name: s.Name, Title: s.Title, Public: s.Public, Persistent: s.Persistent, Locked: s.Locked, Occupants: s.Occupants, Loaded: loaded, Epoch: s.Epoch, Trouble: s.Trouble, Wake: s.Wake}
}

// inspect calls f in the room's own goroutine, loading the room if need be.
func (g *Gateway) inspect(ctx context.Context, name string, f func(*actor)) error {
	if !g.dir.known(name) {
		return ErrNoRoom
	}
	done := make(chan error, 1)
	look := func(a *actor) {
		if a.room == nil {
			done <- a.unavailable()
			return
		}
		if !a.room.Exists() {
			done <- ErrNoRoom
			return
		}
		f(a)
		done <- nil
	}
	if !g.put(name, item{ask: look, at: time.Now()}) {
		return ErrUnavailable
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// RoomShow describes one room.
func (g *Gateway) RoomShow(ctx context.Context, name string) (RoomDetail, error) {
	var d RoomDetail
	err := g.inspect(ctx, name, func(a *actor) {
		x := a.room.Describe()
		d = RoomDetail{RoomLine: g.line(x.Summary), Description: x.Description, URI: x.URI, Group: x.Group, Suite: x.Suite, Hub: x.Hub,
			HubUntil: hubUntil(x.HubUntil), Participants: len(x.Participants), Leaves: x.Leaves, Events: a.room.Seq(), Jobs: a.jobs, Waiting: a.box.len(), Owed: a.debts.count()}
		for _, p := range x.Policies {
			d.Policies = append(d.Policies, PolicyLine(p))
		}
		for _, b := range x.Bots {
			d.Bots = append(d.Bots, BotLine{Name: b.Name, Where: b.Where, Rights: b.Rights, State: b.State, PrivateMessages: b.PrivateMessages,
				PerUserContent: b.PerUserContent, Description: b.Description})
		}
	})
	if errors.Is(err, ErrUnavailable) {
		for s := range g.dir.all() {
			if _, is := g.quarantineOf(name); is && s.Name == name {
				return RoomDetail{RoomLine: g.line(g.withTrouble(s))}, nil // what is known without the room
			}
		}
	}
	return d, err
}

// hubUntil is when a hub's certificate is over, as text; empty: it has none.
func hubUntil(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// RoomMembers lists the participants of one room.
func (g *Gateway) RoomMembers(ctx context.Context, name string) ([]MemberLine, error) {
	out := []MemberLine{}
	err := g.inspect(ctx, name, func(a *actor) {
		d := a.room.Describe()
		for _, p := range d.Participants {
			out = append(out, MemberLine{User: p.User.String(), JID: p.JID.String(), Affiliation: p.Affiliation, Role: p.Role, State: string(p.State), Leaves: p.Leaves, Nick: p.Nick,
				Sessions: p.Sessions, Bot: p.Bot})
		}
		for _, p := range d.Preauthorised {
			line := MemberLine{User: p.User.String(), JID: p.JID.String(), Affiliation: p.Affiliation, Role: p.Role, State: string(mucmap.StatePreauthorised)}
			if p.User.IsZero() {
				line.User = p.Kind + " " + p.Name
			}
			out = append(out, line)
		}
	})
	return out, err
}

// ExplainLine says what would come of an act in a room.
type ExplainLine struct {
	Allowed bool   `json:"allowed"`
	User    string `json:"user"`           // mimi:// URI that the group lists
	Role    string `json:"role,omitempty"` // there
	Target  string `json:"target,omitempty"`
	MUC     string `json:"muc,omitempty"`    // why the rules of XEP-0045 refuse it
	Policy  string `json:"policy,omitempty"` // why the room's policy refuses it
}

// explainer is a room that says what would come of an act.
type explainer interface {
	Explain(user, act, target string) (mucmap.Explanation, error)
}

// Explain asks one room what would come of an act (mucmap.Room.Explain). A question that cannot be asked is a bad order.
func (g *Gateway) Explain(ctx context.Context, name, user, act, target string) (ExplainLine, error) {
	var line ExplainLine
	var wrong error
	err := g.inspect(ctx, name, func(a *actor) {
		room, ok := a.room.(explainer)
		if !ok {
			wrong = errors.New("this room explains nothing")
			return
		}
		e, err := room.Explain(user, act, target)
		if wrong = err; err == nil {
			line = ExplainLine{Allowed: e.Allowed(), User: e.User, Role: e.Role, Target: e.Target, MUC: e.MUC, Policy: e.Policy}
		}
	})
	if err == nil && wrong != nil {
		err = &badOrder{wrong.Error()}
	}
	return line, err
}

// RoomRelease lets a room of another provider that was given up be entered at once, tries to run one in quarantine, and describes it as it is then, if it is still known.
func (g *Gateway) RoomRelease(ctx context.Context, name string) (RoomDetail, error) {
	switch d, err := g.RoomShow(ctx, name); {
	case err != nil:
		return RoomDetail{}, err
	case d.Trouble == "":
		return RoomDetail{}, ErrNoTrouble
	}
	if !g.put(name, item{release: true, at: time.Now()}) {
		return RoomDetail{}, ErrUnavailable
	}
	d, err := g.RoomShow(ctx, name)
	if errors.Is(err, ErrNoRoom) {
		return RoomDetail{RoomLine: RoomLine{Name: name}}, nil // nothing is left of it
	}
	return d, err
}

// roomNamed is the localpart of the room that a request is about. Operators may name it by its URI, too.
func (g *Gateway) roomNamed(r *http.Request) string {
	name := r.PathValue("name")
	u, err := mimi.ReadURI(name)
	if err != nil {
		return name
	}
	return cmp.Or(g.opt.Rooms.RoomName(u), g.opt.Rooms.FollowedName(u), name)
}

// AdminHandler serves what `anteroom room` asks for, as JSON: GET /rooms, /abuse, /rooms/{name},
// /rooms/{name}/members, /explain and /rooms/{name}/document, POST /rooms/{name} of a document, /rooms/{name}/release, /destroy and /move,
// POST /announce (adminorder.go), and GET and POST /bans and POST /bans/lift (serviceban.go). It is for a socket that only
// operators can open: it asks for no credentials.
func (g *Gateway) AdminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /rooms", func(w http.ResponseWriter, r *http.Request) { answerJSON(w, g.RoomList(), nil) })
	mux.HandleFunc("GET /abuse", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		lines, err := g.AbuseReports(ctx)
		answerJSON(w, lines, err)
	})
	mux.HandleFunc("GET /rooms/{name}", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		d, err := g.RoomShow(ctx, g.roomNamed(r))
		answerJSON(w, d, err)
	})
	mux.HandleFunc("GET /rooms/{name}/members", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		m, err := g.RoomMembers(ctx, g.roomNamed(r))
		answerJSON(w, m, err)
	})
	mux.HandleFunc("POST /rooms/{name}/release", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		d, err := g.RoomRelease(ctx, g.roomNamed(r))
		answerJSON(w, d, err)
	})
	mux.HandleFunc("GET /rooms/{name}/explain", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), RequestTime)
		defer cancel()
		q := r.URL.Query()
		e, err := g.Explain(ctx, g.roomNamed(r), q.Get("user"), q.Get("act"), q.Get("target"))
		var bad *badOrder
		if errors.As(err, &bad) {
			http.Error(w, bad.why, http.StatusBadRequest)
			return
		}
		answerJSON(w, e, err)
	})
	mux.HandleFunc("GET /rooms/{name}/document", g.roomDocument)
	mux.HandleFunc("POST /rooms/{name}", g.createRoom)
	g.orderHandlers(mux)
	g.banHandlers(mux)
	return mux
}

func answerJSON(w http.ResponseWriter, v any, err error) {
	switch {
	case errors.Is(err, ErrNoRoom):
		http.Error(w, "there is no such room", http.StatusNotFound)
		return
	case errors.Is(err, ErrNoTrouble):
		http.Error(w, err.Error(), http.StatusConflict)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // the client is gone
}
