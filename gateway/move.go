package gateway

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"anteroom/mimi/roomdoc"
	"anteroom/mucmap"
)

// MoveOrder is the body of POST /rooms/{name}/move, which ends a room that another provider has made again of its document
// (GET /rooms/{name}/document?to=PROVIDER): its name points there from then on.
type MoveOrder struct {
	To     string `json:"to"`
	As     string `json:"as,omitempty"` // localpart there, if it is another
	Reason string `json:"reason,omitempty"`
	Unseen bool   `json:"unseen,omitempty"` // also if the new room cannot be seen from here, or differs
}

// maxDifferences is how many users an answer names whom the new room does not list as the old one does.
const maxDifferences = 5

// RoomMove ends a room whose place another one has taken at another provider. Unless the order says otherwise the new room must be there and have
// the users of all providers but its own as the old one has them.
func (g *Gateway) RoomMove(ctx context.Context, name string, o MoveOrder) (status int, text string) {
	if o.As == "" {
		o.As = name
	}
	there, ok := g.opt.Rooms.RoomURI(o.To, o.As)
	if !ok || o.To == g.opt.Provider {
		return http.StatusBadRequest, fmt.Sprintf("%q at %q is no room of another provider", o.As, o.To)
	}
	venue, err := g.opt.Rooms.ParseVenue(there.String())
	if err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if !g.dir.known(name) {
		return http.StatusNotFound, "there is no such room"
	}
	status, body := g.askRoom(ctx, mucmap.RequestDocument, g.opt.Provider, name, []byte(o.To))
	if status != http.StatusOK {
		return status, string(body)
	}
	if !o.Unseen {
		old, err := roomdoc.Parse(body)
		if err != nil {
			return http.StatusInternalServerError, err.Error()
		}
		reply, err := g.opt.Peers.Document(ctx, there)
		switch {
		case err != nil:
			return http.StatusBadGateway, fmt.Sprintf("%s does not answer: %v", o.To, err)
		case reply.Status != http.StatusOK:
			return http.StatusConflict, fmt.Sprintf("%s does not show us a room %s (status %d): it has to be made there first", o.To, there, reply.Status)
		}
		made, err := roomdoc.Parse(reply.Body)
		if err != nil {
			return http.StatusBadGateway, fmt.Sprintf("what %s says of %s: %v", o.To, there, err)
		}
		if d := differences(old, made, o.To); len(d) > 0 {
			return http.StatusConflict, fmt.Sprintf("%s is another room, or one or the other has changed since: %s", there, strings.Join(d, "; "))
		}
	}
	if o.Reason == "" {
		o.Reason = "the room has moved to " + o.To
	}
	return g.RoomDestroy(ctx, name, mucmap.Destruction{Reason: o.Reason, Venue: venue})
}

// differences says who is something else in one room than in the other. Users of the provider of the new one may have pseudonyms there.
func differences(old, made *roomdoc.Document, provider string) (all []string) {
	was, is := standings(old, provider), standings(made, provider)
	for user, standing := range was {
		if is[user] != standing {
			all = append(all, fmt.Sprintf("%s is %s here and %s there", user, standing, orNobody(is[user])))
		}
	}
	for user, standing := range is {
		if was[user] == "" {
			all = append(all, fmt.Sprintf("%s is nobody here and %s there", user, standing))
		}
	}
	slices.Sort(all)
	if n := len(all); n > maxDifferences {
		all = append(all[:maxDifferences], fmt.Sprintf("and %d more", n-maxDifferences))
	}
	return all
}

func standings(d *roomdoc.Document, but string) map[string]string {
	all := map[string]string{}
	for standing, users := range map[string][]string{"owner": d.Affiliations.Owner, "admin": d.Affiliations.Admin, "member": d.Affiliations.Member, "banned": d.Affiliations.Outcast} {
		for _, u := range users {
			if !strings.HasPrefix(u, "mimi://"+but+"/") && strings.HasPrefix(u, "mimi://") {
				all[u] = standing
			}
		}
	}
	return all
}

func orNobody(standing string) string {
	if standing == "" {
		return "nobody"
	}
	return standing
}
