package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// systemDevice is the name of a provider's system user and of its device: it has a key, and no leaf anywhere. An operator of another provider puts the
// key into a room's document (system-auth), and then it takes out clients of its own provider (docs/decisions/142-system-users.md).
const systemDevice = "system"

// systemCommand prints the key of the provider's system user, which is made when it is asked for first.
func (c *nativeClient) systemCommand(rest string) error {
	if rest != "key" {
		return fmt.Errorf("system: %q is not key", rest)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	user, err := c.systemUser()
	if err != nil {
		return err
	}
	if c.state.System == nil {
		made, err := newDevice(systemDevice)
		if err != nil {
			return err
		}
		next := *c.state
		next.System = &made
		if err := c.dir.save(&next); err != nil {
			return err
		}
		c.state = &next
	}
	credential, err := c.systemCredential(time.Now())
	if err != nil {
		return err
	}
	e := clientEvent{Type: "system", User: user.String(), Text: base64.StdEncoding.EncodeToString(c.state.System.SignatureID)}
	for _, der := range credential.Certificates {
		e.Certificates = append(e.Certificates, base64.StdEncoding.EncodeToString(der))
	}
	c.print.emit(e)
	return nil
}

// systemCredential vouches for the system user's key, if somebody vouches for our users.
func (c *nativeClient) systemCredential(now time.Time) (mls.Credential, error) {
	client, err := mimi.ClientURI(c.user.Provider(), systemDevice, systemDevice)
	if err != nil {
		return mls.Credential{}, err
	}
	return c.vouch.credential(client, clientSuite, c.state.System.SignatureID, now)
}

func (c *nativeClient) systemUser() (mimi.URI, error) {
	return mimi.UserURI(c.user.Provider(), systemDevice)
}

// expel lets the provider's system user propose that one client leaves a room: expel URI CLIENT. The proposal is an external one (RFC 9420 §12.1.8); the
// hub decides, and a member commits it.
func (c *nativeClient) expel(room mimi.URI, name string) error {
	client, err := mimi.ParseURI(name)
	if err != nil || client.Kind() != mimi.KindClient {
		return fmt.Errorf("expel: %q is not a client", name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	held := c.rooms[room]
	if held == nil || held.room.Group() == nil {
		return fmt.Errorf("expel: we are not in %s", room)
	}
	if c.state.System == nil {
		return errors.New("expel: the system user has no key yet: system key makes it")
	}
	m, err := c.expulsion(held.room.Group().Public(), client)
	if err != nil {
		return err
	}
	ctx, body := c.ctx, wire.Marshal(&mimi.UpdateRequest{Message: m})
	c.senders.Go(func() { c.askToExpel(ctx, room, client, body) })
	return nil
}

func (c *nativeClient) expulsion(pg *mls.PublicGroup, client mimi.URI) (*mls.Message, error) {
	signer, err := c.state.System.signer(clientSuite)
	if err != nil {
		return nil, err
	}
	signer.Suite = pg.Suite() // the key is in the group's external_senders as it was shown: one of this suite or of one that signs alike
	for i, node := range pg.Leaves() {
		if own, err := mimi.CredentialClient(node.Credential); err == nil && own == client {
			return mls.ExternalProposal(pg, signer, mls.Remove{Removed: i}, mimi.Why{}.AAD())
		}
	}
	return nil, fmt.Errorf("expel: %s is not in the group", client)
}

// askToExpel brings the proposal to the hub. It is good for one epoch, and not repeated.
func (c *nativeClient) askToExpel(ctx context.Context, room, client mimi.URI, body []byte) {
	reply, err := c.http.Post(ctx, room.Provider(), mimi.EndpointUpdate, room, bytes.Clone(body))
	if err != nil {
		c.print.error(fmt.Errorf("expel: %w", err))
		return
	}
	var answer mimi.UpdateResponse
	if err := wire.Unmarshal(reply.Body, &answer); err != nil {
		c.print.error(fmt.Errorf("expel: status %d: %w", reply.Status, err))
		return
	}
	e := clientEvent{Type: "expelling", Room: room.String(), Client: client.String()}
	if answer.Code != mimi.UpdateSuccess {
		code := uint8(answer.Code)
		e.Type, e.Command, e.Endpoint, e.Code, e.Text = "refused", "expel", string(mimi.EndpointUpdate), &code, answer.Text
	}
	c.print.emit(e)
}
