package follower_test

import (
	"bytes"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// keys are the encryption and the signature key of a client's leaf as the hub has them.
func (w *world) keys(client mimi.URI) (encryption, signature []byte) {
	w.t.Helper()
	i, ok := w.room.Leaf(client)
	if !ok {
		w.t.Fatalf("%s is no member", client)
	}
	node, _ := w.hub.Group().Public().Leaf(i)
	return node.EncryptionKey, node.SignatureKey
}

// age is since when the keys of a client's leaf exist.
func (w *world) age(client mimi.URI) mls.Renewal {
	w.t.Helper()
	i, _ := w.room.Leaf(client)
	for _, r := range w.room.Group().RenewalDue(^uint64(0), mls.RenewalInterval{Encryption: 1, Signature: 1}) {
		if r.Leaf == i {
			return r
		}
	}
	w.t.Fatalf("the leaf of %s has no age", client)
	return mls.Renewal{}
}

// A client's keys are renewed by a commit of its own: the encryption key alone, or both; the ages of the keys say so. A commit of somebody else
// that comes first, and a restart while the request is on the way, cost nothing; what is pending goes along.
func TestRenewal(t *testing.T) {
	for _, kind := range []follower.WishKind{follower.Renew, follower.RenewSigned} {
		w := both(t)
		encryption, signature := w.keys(bella)
		w.now = w.now.Add(time.Hour)
		w.restart()
		w.commit(mls.CommitParams{}) // bella's provider does not know yet
		w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 7, Kind: kind, Client: bella}))
		w.ask()
		w.restart()
		w.want("the hub is ahead")
		w.deliver()
		for w.ask() {
		}
		w.deliver()
		w.agree()
		w.want("both commits", "epoch 3", "epoch 4")
		after, signs := w.keys(bella)
		if bytes.Equal(after, encryption) {
			t.Errorf("kind %d: the encryption key stays", kind)
		}
		if renewed := !bytes.Equal(signs, signature); renewed != (kind == follower.RenewSigned) {
			t.Errorf("kind %d: the signature key is another one: %v", kind, renewed)
		}
		now := uint64(w.now.Unix())
		if age := w.age(bella); age.Since != now || (age.SignatureSince == now) != (kind == follower.RenewSigned) {
			t.Errorf("kind %d: at %d the keys' ages are %+v", kind, now, age)
		}
		w.wish(follower.Wish{Kind: follower.Send, Client: bella, Data: []byte("with new keys")})
		w.want("bella speaks", "sent with new keys")

		position, _ := w.hub.State().Position(bob.ClientUser())
		w.propose(mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: position, Role: roleOwner}}})})
		w.deliver()
		w.wish(follower.Wish{Kind: kind, Client: bella})
		w.agree()
		w.want("what is pending goes along", "proposed", "epoch 5")
		if role := w.hub.State().RoleOf(bob.ClientUser()); role != roleOwner {
			t.Errorf("bob's role is %d", role)
		}
		w.now = w.now.Add(time.Hour)
		w.restart()
		w.wish(follower.Wish{Kind: kind, Client: bella})
		if age := w.age(bella); age.Since != uint64(w.now.Unix()) {
			t.Errorf("kind %d: after a restart keys of %d have the age of %d", kind, w.now.Unix(), age.Since)
		}
	}
}
