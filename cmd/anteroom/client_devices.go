package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// maxDevices bounds the devices of one user: each has a leaf in every room.
const maxDevices = 16

// storedDevice is an MLS client of the user, with a signature key and a leaf per room of its own. One that is deleted is kept until it is
// out of all rooms (draft-mahy-mimi-group-chat, "Basic Operations").
type storedDevice struct {
	Name        string
	SignatureID []byte // public signature key
	Signature   []byte // private signature key
	Deleted     bool   `json:",omitempty"`
}

func newDevice(name string) (storedDevice, error) {
	signer, err := mls.NewSigner(clientSuite, freshSeed())
	return storedDevice{Name: name, SignatureID: signer.Public, Signature: signer.Private}, err
}

// signer is the device's key in groups of a suite: the stored one for its own, and for others one derived from it, so that all are kept and forgotten
// together.
func (d *storedDevice) signer(suite mls.CipherSuite) (mls.Signer, error) {
	if suite == clientSuite {
		return mls.Signer{Suite: clientSuite, Public: d.SignatureID, Private: d.Signature}, nil
	}
	mac := hmac.New(sha256.New, d.Signature)
	mac.Write([]byte("anteroom device " + suite.Name()))
	return mls.NewSigner(suite, mls.Seed(mac.Sum(nil)))
}

// clientURI names a device of our user.
func (c *nativeClient) clientURI(d *storedDevice) mimi.URI {
	client, err := mimi.ClientURI(c.user.Provider(), c.user.Name(), d.Name)
	if err != nil {
		panic("a device without a proper name was stored: " + err.Error()) // addDevice refuses it
	}
	return client
}

// device finds a device by its client, also one that is on its way out.
func (c *nativeClient) device(client mimi.URI) (*storedDevice, bool) {
	for i := range c.state.Devices {
		if d := &c.state.Devices[i]; c.clientURI(d) == client {
			return d, true
		}
	}
	return nil, false
}

// devices are those that are not deleted: the one in use first, the others in the order in which they were added.
func (c *nativeClient) devices() []*storedDevice {
	var list []*storedDevice
	for i := range c.state.Devices {
		switch d := &c.state.Devices[i]; {
		case d.Deleted:
		case d.Name == c.state.Using:
			list = append([]*storedDevice{d}, list...)
		default:
			list = append(list, d)
		}
	}
	return list
}

// acting is the client that does what the user wants in a room: the device in use, or one that is in the room if that is not.
func (c *nativeClient) acting(r *follower.Room) mimi.URI {
	all := c.devices()
	for _, d := range all {
		if _, in := r.Leaf(c.clientURI(d)); in {
			return c.clientURI(d)
		}
	}
	return c.clientURI(all[0])
}

// deviceCommand carries out: device add NAME, device delete NAME, device use NAME, device list.
func (c *nativeClient) deviceCommand(rest string) error {
	what, name, _ := strings.Cut(rest, " ")
	name = strings.TrimSpace(name)
	var err error
	switch what {
	case "list":
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.state.Devices {
			c.print.device("device", c, &c.state.Devices[i])
		}
		return nil
	case "add":
		err = c.addDevice(name)
	case "delete":
		err = c.deleteDevice(name)
	case "use":
		err = c.changeDevices(func(s *clientState) error {
			if !slices.ContainsFunc(s.Devices, func(d storedDevice) bool { return d.Name == name && !d.Deleted }) {
				return fmt.Errorf("there is no device %q", name)
			}
			s.Using = name
			return nil
		})
	default:
		err = errors.New("wants add, delete, use or list")
	}
	if err != nil {
		return fmt.Errorf("device: %w", err)
	}
	return nil
}

// changeDevices stores a change of the devices. Without success nothing has changed.
func (c *nativeClient) changeDevices(change func(*clientState) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.state
	next.Devices = slices.Clone(c.state.Devices)
	if err := change(&next); err != nil {
		return err
	}
	if err := c.dir.save(&next); err != nil {
		return err
	}
	c.state = &next
	return nil
}

// addDevice makes a device, which joins all rooms of the user by itself.
func (c *nativeClient) addDevice(name string) error {
	if _, err := mimi.ClientURI(c.user.Provider(), c.user.Name(), name); err != nil {
		return fmt.Errorf("%q is no name for a device: %w", name, err)
	}
	d, err := newDevice(name)
	if err != nil {
		return err
	}
	if err := c.changeDevices(func(s *clientState) error {
		switch {
		case slices.ContainsFunc(s.Devices, func(d storedDevice) bool { return d.Name == name }):
			return fmt.Errorf("%q is there already, or not out of all rooms yet", name)
		case len(s.Devices) >= maxDevices:
			return fmt.Errorf("a user has at most %d devices", maxDevices)
		}
		s.Devices = append(s.Devices, d)
		return nil
	}); err != nil {
		return err
	}
	c.print.device("device_added", c, &d)
	c.alignAll()
	return nil
}

// deleteDevice takes a device out of all rooms. Its keys are forgotten as soon as it is.
func (c *nativeClient) deleteDevice(name string) error {
	if err := c.changeDevices(func(s *clientState) error {
		i := slices.IndexFunc(s.Devices, func(d storedDevice) bool { return d.Name == name && !d.Deleted })
		if i < 0 {
			return fmt.Errorf("there is no device %q", name)
		}
		s.Devices[i].Deleted = true
		i = slices.IndexFunc(s.Devices, func(d storedDevice) bool { return !d.Deleted })
		if i < 0 {
			return fmt.Errorf("%q is the only device: a user without devices would be out of all rooms; leave them first", name)
		}
		if s.Using == name {
			s.Using = s.Devices[i].Name
		}
		s.KeyPackages = slices.DeleteFunc(slices.Clone(s.KeyPackages), func(kp storedKeyPackage) bool { return c.givenFor(&kp, name) })
		return nil
	}); err != nil {
		return err
	}
	c.alignAll()
	return nil
}

// givenFor says whether a key package is one of a device.
func (c *nativeClient) givenFor(s *storedKeyPackage, name string) bool {
	var kp mls.KeyPackage
	if wire.Unmarshal(s.KeyPackage, &kp) != nil {
		return false
	}
	client, err := mimi.CredentialClient(kp.LeafNode.Credential)
	return err == nil && client.Device() == name
}

// alignAll brings the devices of the user into all rooms, or out of them.
func (c *nativeClient) alignAll() {
	c.mu.Lock()
	var rooms []mimi.URI
	for uri, entry := range c.rooms {
		entry.tried = nil
		rooms = append(rooms, uri)
	}
	c.mu.Unlock()
	slices.SortFunc(rooms, func(a, b mimi.URI) int { return strings.Compare(a.String(), b.String()) })
	for _, uri := range rooms {
		c.mu.Lock()
		c.align(uri)
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

// align lets the devices that are missing in a room join it, if it is one for several devices, and takes out those that are deleted. Nothing
// else may be on the way; what the room does not allow is not tried again before the devices change or the process starts anew.
func (c *nativeClient) align(uri mimi.URI) {
	for {
		entry := c.rooms[uri]
		if entry == nil {
			return
		}
		w, due := c.due(entry)
		if !due {
			return
		}
		if entry.tried == nil {
			entry.tried = map[mimi.URI]follower.WishKind{}
		}
		entry.tried[w.Client] = w.Kind
		if err := c.stepLocked(uri, func(r *follower.Room) (follower.Output, error) { return r.Do(time.Now(), freshSeed(), w), nil }); err != nil {
			c.print.error(err)
			return
		}
	}
}

// due is what is to be done next in a room: first the devices that are missing join, so that one of them can take out those that are deleted.
func (c *nativeClient) due(entry *nativeRoom) (follower.Wish, bool) {
	r := entry.room
	if r == nil || !r.Member() || !r.Idle() || r.Behind() {
		return follower.Wish{}, false
	}
	several := r.State().Base().MultiDevice && r.State().RoleOf(c.user) > mimi.RoleBanned
	for _, kind := range []follower.WishKind{follower.Join, follower.Drop} {
		for i := range c.state.Devices {
			d := &c.state.Devices[i]
			client := c.clientURI(d)
			_, in := r.Leaf(client)
			wanted := kind == follower.Join && !in && !d.Deleted && several || kind == follower.Drop && in && d.Deleted
			if wanted && entry.tried[client] != kind {
				return follower.Wish{Kind: kind, Client: client}, true
			}
		}
	}
	return follower.Wish{}, false
}

// forget drops the keys of deleted devices that are out of all rooms.
func (c *nativeClient) forget() {
	next := *c.state
	next.Devices = slices.DeleteFunc(slices.Clone(c.state.Devices), func(d storedDevice) bool { return d.Deleted && !c.inUse(&d) })
	if len(next.Devices) == len(c.state.Devices) {
		return
	}
	if err := c.dir.save(&next); err != nil {
		c.print.error(err)
		return
	}
	before := c.state.Devices
	c.state = &next
	for i := range before {
		if _, kept := c.device(c.clientURI(&before[i])); !kept {
			c.print.device("device_deleted", c, &before[i])
		}
	}
}

// inUse says whether a device is in a room, or may come into one by a request that is on the way.
func (c *nativeClient) inUse(d *storedDevice) bool {
	for _, entry := range c.rooms {
		if _, in := entry.room.Leaf(c.clientURI(d)); in || !entry.room.Idle() {
			return true
		}
	}
	return false
}
