package mimi

import (
	"cmp"
	"slices"

	"anteroom/mls/wire"
)

// Role is one role of a room (draft-ietf-mimi-room-policy-04 §4).
type Role struct {
	Index       RoleIndex
	Name        string
	Description string

	Capabilities []Capability

	MinParticipants uint32
	MaxParticipants Maximum
	MinActive       uint32 // active: with at least one client in the group
	MaxActive       Maximum

	Changes []RoleTargets // authorised role changes
}

// RoleTargets lists the roles into which holders may move somebody who has role From.
type RoleTargets struct {
	From    RoleIndex
	Targets []RoleIndex
}

// RolesList is the data and the update of ComponentRolesList; an update replaces the data.
type RolesList struct{ Roles []Role }

// BannedName is the only name that role 1 may have (draft-ietf-mimi-room-policy-04 §8.1.3).
const BannedName = "banned"

// Has says whether the role holds a capability.
func (r *Role) Has(c Capability) bool { return r != nil && slices.Contains(r.Capabilities, c) }

// MayChange says whether the role's authorised role changes lead from one role to another.
func (r *Role) MayChange(from, to RoleIndex) bool {
	if r == nil {
		return false
	}
	for _, change := range r.Changes {
		if change.From == from && slices.Contains(change.Targets, to) {
			return true
		}
	}
	return false
}

func (r *Role) MarshalTLS(w *wire.Writer) {
	w.U32(uint32(r.Index))
	w.OpaqueString(r.Name)
	w.OpaqueString(r.Description)
	writeIntegers(w, r.Capabilities, 2)
	w.U32(r.MinParticipants)
	r.MaxParticipants.write(w)
	w.U32(r.MinActive)
	r.MaxActive.write(w)
	w.Vector(func(w *wire.Writer) {
		for _, change := range r.Changes {
			w.U32(uint32(change.From))
			writeIntegers(w, change.Targets, 4)
		}
	})
}

func (r *Role) UnmarshalTLS(rd *wire.Reader) {
	*r = Role{}
	r.Index = RoleIndex(rd.At("Role.role_index").U32())
	r.Name = readText(rd, "Role.role_name", MaxMetadataText)
	r.Description = readText(rd, "Role.role_description", MaxMetadataText)
	r.Capabilities = readIntegers[Capability](rd, "Role.role_capabilities", 2, MaxCapabilities)
	r.MinParticipants = rd.At("Role.minimum_participants_constraint").U32()
	r.MaxParticipants.read(rd.At("Role.maximum_participants_constraint"))
	r.MinActive = rd.At("Role.minimum_active_participants_constraint").U32()
	r.MaxActive.read(rd.At("Role.maximum_active_participants_constraint"))
	total := 0
	r.Changes = readList(rd, "Role.authorized_role_changes", MaxRoles, func(rd *wire.Reader, change *RoleTargets) {
		change.From = RoleIndex(rd.At("SingleSourceRoleChangeTargets.from_role_index").U32())
		change.Targets = readIntegers[RoleIndex](rd, "SingleSourceRoleChangeTargets.target_role_indexes", 4, MaxRoleTargets)
		if total += len(change.Targets); total > MaxRoleTargets {
			rd.Failf("more than %d targets", MaxRoleTargets)
		}
	})
}

func (l *RolesList) MarshalTLS(w *wire.Writer) { wire.WriteVector(w, l.Roles) }

func (l *RolesList) UnmarshalTLS(r *wire.Reader) {
	*l = RolesList{}
	l.Roles = readList(r, "RoleData.roles", MaxRoles, func(r *wire.Reader, role *Role) { role.UnmarshalTLS(r) })
	if r.Err() == nil {
		if rule := l.check(); rule != "" {
			r.At("RoleData.roles").Fail(rule)
		}
	}
}

// check returns the rule that the list breaks on its own (draft-ietf-mimi-room-policy-04 §4, §8.1).
func (l *RolesList) check() string {
	indexes := make([]RoleIndex, len(l.Roles))
	for i := range l.Roles {
		role := &l.Roles[i]
		indexes[i] = role.Index
		if role.Index == RoleBanned && role.Name != BannedName {
			return "role 1 is not named banned"
		}
		if role.Index != RoleNone && role.Has(CanOpenJoin) {
			return "canOpenJoin on a role other than 0"
		}
		if !role.MaxParticipants.Allows(int(role.MinParticipants)) || !role.MaxActive.Allows(int(role.MinActive)) {
			return "a role's minimum exceeds its maximum"
		}
	}
	slices.SortFunc(indexes, cmp.Compare)
	if len(slices.Compact(indexes)) != len(l.Roles) {
		return "a role index is used twice"
	}
	return ""
}
