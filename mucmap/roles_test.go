package mucmap

import (
	"slices"
	"testing"

	"anteroom/internal/vectors"
	"anteroom/mimi"
	"anteroom/xmpp/muc"
)

// The table of docs/decisions/040-room-roles.md (MAPPING §1), as numbers.
func TestRoleTable(t *testing.T) {
	c := defaultConfig()
	r := []mimi.Capability{0x0101, 0x0102, 0x0103, 0x0204, 0x0205, 0x0206, 0x0207, 0x020a, 0x020b}
	s := []mimi.Capability{0x0100, 0x0104, 0x0105, 0x0106, 0x0107, 0x0109, 0x010a, 0x010c, 0x010d, 0x010e, 0x0200, 0x0201, 0x0202, 0x0203, 0x0208, 0x0209}
	own := []mimi.Capability{0x0002, 0x0003}
	mod := []mimi.Capability{0x0001, 0x000c, 0x000f, 0x0108, 0x010b, 0x010f}
	join := slices.Concat[[]mimi.Capability]
	admin := join(own, r, s, mod, []mimi.Capability{0x0000, 0x000a, 0x000b, 0x0303})
	want := map[mimi.RoleIndex][]mimi.Capability{
		0: {0x0004, 0x0009}, 1: nil,
		2:  join(own, r, s, []mimi.Capability{0x0006}),
		3:  admin,
		4:  join(admin, []mimi.Capability{0x0300, 0x0301, 0x0302, 0x0304, 0x0501, 0x0502, 0x0503, 0x0504, 0x0601}),
		5:  join(own, r, s, []mimi.Capability{0x0006}),
		6:  join(own, r, []mimi.Capability{0x0006}),
		7:  join(own, r, s, mod, []mimi.Capability{0x0006, 0x0303}),
		8:  join(own, r, []mimi.Capability{0x0006}),
		9:  join(own, r, s, mod, []mimi.Capability{0x0006, 0x0303}),
		10: {0x0000, 0x0001, 0x0002, 0x000a, 0x000b, 0x000c, 0x000f, 0x0101, 0x0303, 0x0501, 0x0502, 0x0503, 0x0504, 0x0601},
	}
	changes := map[mimi.RoleIndex]map[mimi.RoleIndex][]mimi.RoleIndex{
		0: {0: {5}}, 1: {}, 2: {2: {0}}, 5: {5: {0}}, 6: {6: {0}}, 8: {8: {0}},
		3: {0: {1, 2}, 1: {0, 2}, 2: {0, 1, 5, 6, 8, 9}, 5: {0, 1, 2, 6, 7}, 6: {0, 1, 2, 5, 7}, 7: {0, 1, 5, 6, 9}, 8: {0, 1, 2, 5, 6, 9}, 9: {0, 1, 2, 5, 6, 7, 8}},
		7: {5: {0, 6}, 6: {0, 5}, 8: {2}, 7: {0}},
		9: {5: {0, 6}, 6: {0, 5}, 2: {8}, 8: {2}, 9: {0}},
	}
	for _, i := range []mimi.RoleIndex{roleMember, roleAdmin, roleOwner, roleGuest, roleGuestModerator, roleMemberModerator} { // an open room: with voice one may invite
		if !slices.Contains(want[i], mimi.CanAddParticipant) {
			want[i] = append(want[i], mimi.CanAddParticipant)
		}
		if i != roleOwner {
			changes[i][0] = append(changes[i][0], roleGuest)
		}
	}
	list := c.roles(false)
	if len(list.Roles) != 11 {
		t.Fatalf("%d roles", len(list.Roles))
	}
	for i := range list.Roles {
		role := &list.Roles[i]
		got, w := slices.Clone(role.Capabilities), slices.Clone(want[role.Index])
		slices.Sort(got)
		slices.Sort(w)
		if !slices.Equal(got, w) {
			t.Errorf("role %d has %v, want %v", role.Index, got, w)
		}
		for from := mimi.RoleIndex(0); from <= 10; from++ {
			for to := mimi.RoleIndex(0); to <= 10; to++ {
				allowed := slices.Contains(changes[role.Index][from], to)
				if role.Index == roleOwner || role.Index == roleKeeper {
					allowed = from != roleKeeper && to != roleKeeper && from != to
				}
				if role.MayChange(from, to) != allowed {
					t.Errorf("role %d moves %d to %d: %v, want %v", role.Index, from, to, !allowed, allowed)
				}
			}
		}
	}
	c.Moderated, c.MembersOnly, c.ChangeSubject, c.AllowInvites = true, true, true, true
	list = c.roles(false)
	none, member, guest := &list.Roles[0], &list.Roles[2], &list.Roles[5]
	if none.Has(mimi.CanOpenJoin) || !none.MayChange(0, roleVisitor) || none.MayChange(0, roleGuest) ||
		!member.Has(mimi.CanAddParticipant) || !member.MayChange(0, roleMember) || member.MayChange(0, roleVisitor) || guest.Has(mimi.CanAddParticipant) || !guest.Has(mimi.CanChangeRoomSubject) {
		t.Error("configuration does not show in the roles")
	}
}

// The capability numbers that this package names are those of the registry, where the vectors are at hand.
func TestCapabilitiesAreRegistered(t *testing.T) {
	var registry struct {
		Capabilities []struct {
			Value    mimi.Capability
			Reserved bool
		}
	}
	vectors.Read(t, &registry, "mimi", "room-policy", "capabilities.json")
	reserved := map[mimi.Capability]bool{}
	for _, c := range registry.Capabilities {
		reserved[c.Value] = c.Reserved
	}
	c := defaultConfig()
	for _, role := range c.roles(false).Roles {
		for _, have := range role.Capabilities {
			if r, known := reserved[have]; !known || r {
				t.Errorf("role %d has capability %s, which is reserved or unknown", role.Index, have)
			}
		}
	}
}

// Every pair of affiliation and role that XEP-0045 §5.2 knows has one role, and no other pair has.
func TestStandings(t *testing.T) {
	seen := map[standing]bool{}
	for i := roleNone; i < roleKeeper; i++ {
		s := standingOf(i)
		if seen[s] {
			t.Errorf("two roles for %v", s)
		}
		seen[s] = true
		if back, ok := roleOf(s); !ok || back != i {
			t.Errorf("%v becomes role %d, want %d", s, back, i)
		}
	}
	if _, ok := roleOf(standing{muc.AffiliationAdmin, muc.RoleVisitor}); ok {
		t.Error("there is a role for an admin without voice")
	}
}
