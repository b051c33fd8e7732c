package follower

import (
	"bytes"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// WishKind names what a Wish asks for.
type WishKind uint8

const (
	Join        WishKind = iota + 1 // become a member by external commit
	Leave                           // propose the removal of Client and of its user
	Send                            // send Data
	Change                          // commit Roles, Kick, Adds and Metadata
	Drop                            // take Client out; its user stays
	Renew                           // commit a new encryption key of Client's leaf
	RenewSigned                     // commit a new encryption key and a new signature key of Client's leaf
)

// Wish is what one of our clients wants. It is built into messages anew for every epoch in which it is tried.
type Wish struct {
	ID     uint64 // of the caller's choice; told with Done, Sent and Refused
	Kind   WishKind
	Client mimi.URI
	AAD    []byte // authenticated data; empty: whatever the group demands

	Data     []byte             // Send: the message. Join: the joining code, empty for none
	Roles    []mimi.Participant // Change: the new role of each user, RoleNone to take it off the list. Clients of users that are taken off or banned are removed
	Kick     []mimi.URI         // Change: users whose clients are removed
	Adds     []Addition         // Change: who is added, unless listed by then
	Metadata *mimi.RoomMetadata // Change: nil to leave it
}

// Addition is a user who is to be listed, and the key packages of the clients that come with it. Of a user who is listed meanwhile nobody else may
// add clients: then nothing is done.
type Addition struct {
	User     mimi.URI
	Role     mimi.RoleIndex
	Packages []mls.KeyPackage
}

func (a *Addition) MarshalTLS(out *wire.Writer) {
	out.OpaqueString(a.User.String())
	out.U32(uint32(a.Role))
	wire.WriteVector(out, a.Packages)
}

func (a *Addition) UnmarshalTLS(in *wire.Reader) {
	*a = Addition{User: readURI(in, "wish.adds.user"), Role: mimi.RoleIndex(in.At("wish.adds.role").U32())}
	in.At("wish.adds.packages").Vector(func(in *wire.Reader) {
		var kp mls.KeyPackage
		kp.UnmarshalTLS(in)
		a.Packages = append(a.Packages, kp)
	})
}

func (w *Wish) MarshalTLS(out *wire.Writer) {
	out.U64(w.ID)
	out.U8(uint8(w.Kind))
	out.OpaqueString(w.Client.String())
	out.Opaque(w.AAD)
	out.Opaque(w.Data)
	out.Vector(func(out *wire.Writer) {
		for _, p := range w.Roles {
			out.OpaqueString(p.User.String())
			out.U32(uint32(p.Role))
		}
	})
	out.Vector(func(out *wire.Writer) {
		for _, user := range w.Kick {
			out.OpaqueString(user.String())
		}
	})
	out.Optional(w.Metadata != nil, func(out *wire.Writer) { w.Metadata.MarshalTLS(out) })
}

func readURI(in *wire.Reader, field string) mimi.URI {
	s := in.At(field).String()
	if in.Err() != nil {
		return mimi.URI{}
	}
	uri, err := mimi.ParseURI(s)
	if err != nil {
		in.Fail(err.Error())
	}
	return uri
}

func (w *Wish) UnmarshalTLS(in *wire.Reader) {
	*w = Wish{}
	w.ID = in.At("wish.id").U64()
	w.Kind = WishKind(in.At("wish.kind").U8())
	w.Client = readURI(in, "wish.client")
	w.AAD = bytes.Clone(in.At("wish.aad").Opaque())
	w.Data = bytes.Clone(in.At("wish.data").Opaque())
	in.At("wish.roles").Vector(func(in *wire.Reader) {
		w.Roles = append(w.Roles, mimi.Participant{User: readURI(in, "wish.roles.user"), Role: mimi.RoleIndex(in.U32())})
	})
	in.At("wish.kick").Vector(func(in *wire.Reader) { w.Kick = append(w.Kick, readURI(in, "wish.kick")) })
	in.At("wish.metadata").Optional(func(in *wire.Reader) {
		w.Metadata = new(mimi.RoomMetadata)
		w.Metadata.UnmarshalTLS(in)
	})
}

// Member is a client of ours in the room: the secrets of the key package with which it joins, or joined.
type Member struct {
	Client mimi.URI
	Keys   *mls.KeyPackageSecrets
}
