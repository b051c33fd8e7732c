package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// BaseRoomPolicy is the data and the update of ComponentBaseRoomPolicy; an update replaces the data
// (draft-ietf-mimi-room-policy-04 §6). Component ids are two bytes wide; parent_room is opaque<V>, empty for none.
type BaseRoomPolicy struct {
	FixedMembership  bool
	ParentDependent  bool
	ParentRoom       URI
	MultiDevice      bool
	MaxClients       Maximum
	MaxUsers         Maximum
	Pseudonyms       bool
	Persistent       bool
	Discoverable     bool
	PolicyComponents []mls.ComponentID
}

func (p *BaseRoomPolicy) MarshalTLS(w *wire.Writer) {
	w.Bool(p.FixedMembership)
	w.Bool(p.ParentDependent)
	writeURI(w, p.ParentRoom)
	w.Bool(p.MultiDevice)
	p.MaxClients.write(w)
	p.MaxUsers.write(w)
	w.Bool(p.Pseudonyms)
	w.Bool(p.Persistent)
	w.Bool(p.Discoverable)
	writeIntegers(w, p.PolicyComponents, 2)
}

func (p *BaseRoomPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = BaseRoomPolicy{}
	p.FixedMembership = r.At("BaseRoomPolicy.fixed_membership").Bool()
	p.ParentDependent = r.At("BaseRoomPolicy.parent_dependant").Bool()
	parent := r.At("BaseRoomPolicy.parent_room").String()
	if parent != "" && r.Err() == nil {
		u, err := ParseURI(parent)
		switch {
		case err != nil:
			r.Fail(err.Error())
		case u.Kind() != KindRoom:
			r.Fail("not a room uri")
		}
		p.ParentRoom = u
	}
	if r.Err() == nil && p.ParentDependent == p.ParentRoom.IsZero() {
		r.Fail("parent_room is set exactly when parent_dependant is")
	}
	p.MultiDevice = r.At("BaseRoomPolicy.multi_device").Bool()
	p.MaxClients.read(r.At("BaseRoomPolicy.max_clients"))
	p.MaxUsers.read(r.At("BaseRoomPolicy.max_users"))
	p.Pseudonyms = r.At("BaseRoomPolicy.pseudonyms_allowed").Bool()
	p.Persistent = r.At("BaseRoomPolicy.persistent_room").Bool()
	p.Discoverable = r.At("BaseRoomPolicy.discoverable").Bool()
	p.PolicyComponents = readIntegers[mls.ComponentID](r, "BaseRoomPolicy.policy_component_ids", 2, MaxPolicyEntries)
}

// Claim is one property that a credential must have, compared byte for byte (draft-ietf-mimi-room-policy-04 §5). The draft
// gives basic credentials no claims but their identity; for them this package knows the ids "" (the identity, a client
// URI) and "user" (the client's user URI). An X.509 credential, which proves the same names, has these claims as well, and those of its
// subject alternative names: the id is the encoded OID 2.5.29.17, the value one of the URIs.
type Claim struct {
	CredentialType mls.CredentialType
	ID             []byte
	Value          []byte
}

// Preauth gives Role to requesters whose credential has all claims. Role is a full role as the draft has it; only its index
// decides.
type Preauth struct {
	Claims []Claim
	Role   Role
}

// PreauthList is the data and the update of ComponentPreauthList; an update replaces the data. The first match decides.
type PreauthList struct{ Entries []Preauth }

// ClaimUser is the id of this package's claim for the user of a basic credential.
const ClaimUser = "user"

// PreauthUser returns the entry that gives one user a role.
func PreauthUser(user URI, role Role) Preauth {
	return Preauth{[]Claim{{mls.CredentialBasic, []byte(ClaimUser), []byte(user.s)}}, role}
}

// Matches says whether a credential has all claims of the entry. An entry without claims matches nobody.
func (p *Preauth) Matches(c mls.Credential) bool {
	client, err := CredentialClient(c)
	if err != nil {
		return false
	}
	for i := range p.Claims {
		if !p.Claims[i].of(c.Type, client) {
			return false
		}
	}
	return len(p.Claims) > 0
}

// claimAltName is the id of an X.509 credential's claim: the encoded OID of its subject alternative names.
const claimAltName = "\x06\x03\x55\x1d\x11"

// of says whether a credential of a type that asserts a client has the claim.
func (c *Claim) of(t mls.CredentialType, client URI) bool {
	value, user := string(c.Value), client.ClientUser().s
	switch c.CredentialType {
	case mls.CredentialBasic:
		return string(c.ID) == "" && value == client.s || string(c.ID) == ClaimUser && value == user
	case mls.CredentialX509:
		return t == mls.CredentialX509 && string(c.ID) == claimAltName && (value == client.s || value == user)
	}
	return false
}

func (l *PreauthList) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for i := range l.Entries {
			entry := &l.Entries[i]
			w.Vector(func(w *wire.Writer) {
				for _, claim := range entry.Claims {
					w.U16(uint16(claim.CredentialType))
					w.Opaque(claim.ID)
					w.Opaque(claim.Value)
				}
			})
			entry.Role.MarshalTLS(w)
		}
	})
}

func (l *PreauthList) UnmarshalTLS(r *wire.Reader) {
	*l = PreauthList{}
	l.Entries = readList(r, "PreAuthData.preauthorized_entries", MaxPreauth, func(r *wire.Reader, entry *Preauth) {
		entry.Claims = readList(r, "PreAuthRoleEntry.claimset", MaxClaims, func(r *wire.Reader, claim *Claim) {
			claim.CredentialType = mls.CredentialType(r.At("ClaimId.credential_type").U16())
			claim.ID = r.At("ClaimId.id").Opaque()
			claim.Value = r.At("Claim.claim_value").Opaque()
			if len(claim.ID) > MaxURI || len(claim.Value) > MaxURI {
				r.Failf("longer than %d bytes", MaxURI)
			}
		})
		entry.Role.UnmarshalTLS(r)
	})
}
