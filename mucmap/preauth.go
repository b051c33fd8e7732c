package mucmap

import (
	"fmt"
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/xmpp"
)

// Preauthorisation (draft-mahy-mimi-group-chat, "Security Considerations"): who is named by itself, by its domain or by its team enters
// without being asked, in the role of the first entry that names it. Users travel in the group's preauth_list too; domains and teams are
// the hub's to know (docs/mapping.md §2): their users of other providers, whom the other members cannot see to be named, are put on the
// participant list when they try to enter, before they get the GroupInfo (docs/decisions/163-preauthorised-at-once.md).

// preauth is one entry.
type preauth struct {
	Role mimi.RoleIndex
	Kind roomdoc.Kind
	Name string   // as the document has it
	User mimi.URI `json:",omitzero"` // whom it names, of Kind user or system
}

// preauthLists are the lists of a document by the role that they give.
var preauthLists = map[mimi.RoleIndex]string{roleOwner: "preauth-owner", roleAdmin: "preauth-admin", roleMember: "preauth-member", roleVisitor: "preauth-visitor"}

// preauths reads the lists of a document, the highest affiliation first.
func (s *Service) preauths(d *roomdoc.Document) (all []preauth, err error) {
	for _, role := range []mimi.RoleIndex{roleOwner, roleAdmin, roleMember, roleVisitor} {
		d.Lists(func(name string, list *[]roomdoc.Preauth) {
			if name != preauthLists[role] {
				return
			}
			for _, e := range *list {
				p := preauth{Role: role, Kind: e.Kind, Name: e.Name}
				var fault error
				switch e.Kind {
				case roomdoc.User, roomdoc.System:
					p.User, fault = s.documentUser(e.Name)
				case roomdoc.Domain:
					_, fault = xmpp.NewJID("", e.Name, "")
				case roomdoc.Team:
					fault = fmt.Errorf("nothing says here who belongs to team %s", e.Name)
					if _, known := s.cfg.Teams[e.Name]; known {
						fault = nil
					}
				}
				if fault != nil && err == nil {
					err = fmt.Errorf("%s: %w", name, fault)
				}
				all = append(all, p)
			}
		})
	}
	return all, err
}

// preauthorised is the role in which a user may enter who is not on the list.
func (s *state) preauthorised(u mimi.URI) (mimi.RoleIndex, bool) {
	for i := range s.Preauth {
		if s.svc.preauthNames(&s.Preauth[i], u) {
			return s.Preauth[i].Role, true
		}
	}
	return roleNone, false
}

func (s *Service) preauthNames(p *preauth, u mimi.URI) bool {
	switch p.Kind {
	case roomdoc.Domain:
		if s.local(u) {
			return s.UserJID(u).Domain() == p.Name
		}
		return u.Provider() == p.Name
	case roomdoc.Team:
		return slices.Contains(s.cfg.Teams[p.Name], s.UserJID(u).Bare())
	}
	return u == p.User
}

// listPreauthorised lets the keeper list a user of another provider whom its domain or team preauthorises, and goes on with end: listed, or not (any more).
// False: it is to wait for somebody's decision, or is in already.
func (t *turn) listPreauthorised(u mimi.URI, end func(t *turn, listed bool)) bool {
	r := t.r
	role, may := r.pub.preauthorised(u)
	if !may || r.svc.local(u) || r.hub == nil || r.pub.Config.Fixed || r.pub.Closing || r.pub.Locked || r.pub.role(u) != roleNone || r.pub.strangerRefusal(u) != nil {
		return false
	}
	listed := false
	t.ask(&wish{
		what: "preauthorisation of " + u.String(),
		plan: func(d *delta) *xmpp.StanzaError {
			if listed = d.state.RoleOf(u) == roleNone; listed {
				d.setRole(u, role, why{})
			}
			d.empty = !listed
			return nil
		},
		done: func(t *turn) {
			if listed {
				t.emit(&applied{User: u, Settled: true})
			}
			end(t, listed)
		},
		refuse: func(t *turn, e *xmpp.StanzaError) {
			t.note(NoteInfo, "who is preauthorised is not listed", Attr{"user", u.String()}, Attr{"reason", e.Text})
			end(t, false)
		},
	})
	return true
}

// logger says that a user is one of the room's loggers, which stay while they are away.
func (s *state) logger(u mimi.URI) bool {
	if !s.Config.Logging {
		return false
	}
	for i := range s.Preauth {
		if s.Preauth[i].Kind == roomdoc.System && s.Preauth[i].User == u {
			return true
		}
	}
	return false
}
