package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// componentLastResort marks a key package that may be used more than once (draft-ietf-mls-extensions, last_resort_key_package).
const componentLastResort mls.ComponentID = 4

// newKeyPackage makes a key package of a suite for a device.
func (c *nativeClient) newKeyPackage(seed mls.Seed, suite mls.CipherSuite, d *storedDevice, now time.Time, extensions []mls.Extension) (*mls.KeyPackageSecrets, error) {
	leaf, err := mimi.LeafExtensions(c.user.Name())
	if err != nil {
		return nil, err
	}
	signer, err := d.signer(suite)
	if err != nil {
		return nil, err
	}
	credential, err := c.vouch.credential(c.clientURI(d), suite, signer.Public, now)
	if err != nil {
		return nil, err
	}
	return mls.NewKeyPackage(seed, mls.KeyPackageParams{
		Signer:         signer,
		Credential:     credential,
		Capabilities:   mimi.LeafCapabilities(suite),
		Lifetime:       mls.Lifetime{NotBefore: uint64(now.Add(-keyClockSkew).Unix()), NotAfter: uint64(now.Add(keyLifetime).Unix())},
		LeafExtensions: leaf,
		Extensions:     extensions,
	})
}

// findKeyPackage returns the secrets of a key package that was given away, and where they are kept.
func (c *nativeClient) findKeyPackage(ref mls.KeyPackageRef) (int, *mls.KeyPackageSecrets) {
	for i := range c.state.KeyPackages {
		keys, err := c.secrets(&c.state.KeyPackages[i])
		if err != nil {
			continue
		}
		if own, err := keys.KeyPackage.Ref(); err == nil && bytes.Equal(own, ref) {
			return i, keys
		}
	}
	return 0, nil
}

func (c *nativeClient) secrets(s *storedKeyPackage) (*mls.KeyPackageSecrets, error) {
	keys := &mls.KeyPackageSecrets{Init: s.Init, Leaf: s.Leaf}
	if err := wire.Unmarshal(s.KeyPackage, &keys.KeyPackage); err != nil {
		return nil, err
	}
	client, err := mimi.CredentialClient(keys.KeyPackage.LeafNode.Credential)
	if err != nil {
		return nil, err
	}
	d, ours := c.device(client)
	if !ours || d.Deleted {
		return nil, fmt.Errorf("%s is not our client", client)
	}
	signer, err := d.signer(keys.KeyPackage.Suite)
	keys.Signature = signer.Private
	return keys, err
}

// without returns the list without the entries at used, except those that may be used again.
func without(list []storedKeyPackage, used []int) []storedKeyPackage {
	if len(used) == 0 {
		return list
	}
	var kept []storedKeyPackage
	for i := range list {
		if list[i].LastResort || !slices.Contains(used, i) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

// KeyMaterial gives a key package of each of our clients to a room's hub (draft-ietf-mimi-protocol-06 §5.2).
func (c *nativeClient) KeyMaterial(_ context.Context, peer string, target mimi.URI, body []byte) (int, []byte) {
	var request mimi.KeyMaterialRequest
	if err := wire.Unmarshal(body, &request); err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	if request.Target != target {
		return http.StatusBadRequest, []byte("path and body name different users")
	}
	if request.Room.Provider() != peer {
		return http.StatusForbidden, []byte("key material is requested by way of the room's hub")
	}
	if err := request.Verify(); err != nil {
		return http.StatusForbidden, []byte(err.Error())
	}
	now := time.Now()
	if err := c.vouch.authenticate(request.Credential, request.SignatureKey, uint64(now.Unix())); err != nil {
		return http.StatusForbidden, []byte("credential: is not accepted here") // else anybody could ask as somebody to whom the user has consented
	}
	response, err := c.keyMaterial(&request, now)
	if err != nil {
		c.print.error(err)
		return http.StatusInternalServerError, []byte("no key package could be stored")
	}
	return http.StatusOK, wire.Marshal(response)
}

func (c *nativeClient) keyMaterial(request *mimi.KeyMaterialRequest, now time.Time) (*mimi.KeyMaterialResponse, error) {
	if request.Target != c.user {
		return &mimi.KeyMaterialResponse{Code: mimi.KeyMaterialUserUnknown, User: request.Target}, nil
	}
	if !c.consents(request.Requester, request.Room) && !c.takesPart(request.Room) {
		return &mimi.KeyMaterialResponse{Code: mimi.KeyMaterialNoConsent, User: request.Target}, nil
	}
	suite, known := c.acceptable(request.Suites)
	capabilities := mimi.LeafCapabilities(c.suites...)
	if !known || !capabilities.Supports(&request.Required) {
		answer := &mimi.KeyMaterialResponse{Code: mimi.KeyMaterialNoCompatible, User: c.user}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, d := range c.devices() {
			answer.Clients = append(answer.Clients, mimi.ClientKeyMaterial{Code: mimi.ClientNothingCompatible, Client: c.clientURI(d), Capabilities: &capabilities})
		}
		return answer, nil
	}
	packages, err := c.giveKeyPackages(suite, now)
	if err != nil {
		return nil, err
	}
	answer := &mimi.KeyMaterialResponse{Code: mimi.KeyMaterialSuccess, User: c.user}
	for i := range packages {
		client, err := mimi.CredentialClient(packages[i].LeafNode.Credential)
		if err != nil {
			return nil, err
		}
		answer.Clients = append(answer.Clients, mimi.ClientKeyMaterial{Code: mimi.ClientSuccess, Client: client, KeyPackage: &packages[i]})
	}
	return answer, nil
}

// acceptable is the first of the suites that somebody accepts of which we give key packages away.
func (c *nativeClient) acceptable(wanted []mls.CipherSuite) (mls.CipherSuite, bool) {
	for _, s := range wanted {
		if slices.Contains(c.suites, s) {
			return s, true
		}
	}
	return 0, false
}

// takesPart says that a device of ours is in a room: whoever is goes on with it when the hub reinitialises its group.
func (c *nativeClient) takesPart(room mimi.URI) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.rooms[room]
	return entry != nil && entry.room.Member()
}

// giveKeyPackages makes and stores a key package of a suite for each device. Those that have expired are forgotten first; if too many are still out, the
// device's one of last resort is given.
func (c *nativeClient) giveKeyPackages(suite mls.CipherSuite, now time.Time) ([]mls.KeyPackage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := *c.state
	next.KeyPackages = nil
	last := map[string]*mls.KeyPackage{} // of the suite, by client
	for _, stored := range c.state.KeyPackages {
		keys, err := c.secrets(&stored)
		if err != nil || keys.KeyPackage.LeafNode.Lifetime.NotAfter <= uint64(now.Unix()) {
			continue
		}
		next.KeyPackages = append(next.KeyPackages, stored)
		if stored.LastResort && keys.KeyPackage.Suite == suite {
			last[mimi.CredentialName(keys.KeyPackage.LeafNode.Credential)] = &keys.KeyPackage
		}
	}
	all := c.devices()
	exhausted := len(next.KeyPackages)+len(all) > maxKeyPackages
	var extensions []mls.Extension
	if exhausted {
		extensions = []mls.Extension{{Type: mls.ExtensionAppDataDictionary, Data: wire.Marshal(mls.AppDataDictionary{{ID: componentLastResort}})}}
	}
	var given []mls.KeyPackage
	for _, d := range all {
		if kp := last[c.clientURI(d).String()]; exhausted && kp != nil {
			given = append(given, *kp)
			continue
		}
		keys, err := c.newKeyPackage(freshSeed(), suite, d, now, extensions)
		if err != nil {
			return nil, err
		}
		given = append(given, keys.KeyPackage)
		next.KeyPackages = append(next.KeyPackages, storedKeyPackage{
			KeyPackage: wire.Marshal(&keys.KeyPackage), Init: keys.Init, Leaf: keys.Leaf, LastResort: exhausted,
		})
	}
	if err := c.dir.save(&next); err != nil {
		return nil, err
	}
	c.state = &next
	return given, nil
}
