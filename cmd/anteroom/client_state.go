package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"anteroom/mimi"
)

const (
	clientStateVersion = 2
	oneDevice          = 1 // before a user had several devices
	clientStateFile    = "state.json"
	clientLockFile     = "lock"
)

// clientState is everything that a client remembers. It is secret.
type clientState struct {
	Version     int
	User        mimi.URI
	SignatureID []byte `json:",omitempty"` // version oneDevice: public signature key of the only device
	Signature   []byte `json:",omitempty"` // and its private key
	Devices     []storedDevice
	Using       string // name of the device that does what the user wants
	KeyPackages []storedKeyPackage
	Consents    []storedConsent              `json:",omitempty"` // oldest first
	Errands     []storedErrand               `json:",omitempty"` // owed to other providers, oldest first
	Wanted      []storedAddition             `json:",omitempty"` // oldest first
	System      *storedDevice                `json:",omitempty"` // the provider's system user, which has no leaf
	Rooms       map[string]map[string][]byte // parts of each followed room, by URI
}

// storedKeyPackage is a key package that was given away, with its private keys.
type storedKeyPackage struct {
	KeyPackage []byte // TLS encoding
	Init, Leaf []byte
	LastResort bool
}

// stateDir is a locked directory with one state file.
type stateDir struct {
	path string
	lock *os.File
}

// openStateDir makes the directory if needed and holds it against a second process.
func openStateDir(path string) (*stateDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(path, clientLockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("%s: another process uses it: %w", path, err)
	}
	d := &stateDir{path, lock}
	if err := d.sweep(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// sweep removes what a crash in the middle of save left: keys that are to be forgotten.
func (d *stateDir) sweep() error {
	entries, err := os.ReadDir(d.path)
	for _, e := range entries {
		if err == nil && strings.HasPrefix(e.Name(), clientStateFile+".") {
			err = os.Remove(filepath.Join(d.path, e.Name()))
		}
	}
	return err
}

// Close lets the directory go.
func (d *stateDir) Close() error { return d.lock.Close() }

// load returns nil without error if nothing was stored yet.
func (d *stateDir) load() (*clientState, error) {
	content, err := os.ReadFile(filepath.Join(d.path, clientStateFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s clientState
	if err := json.Unmarshal(content, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", clientStateFile, err)
	}
	if s.Version == oneDevice {
		s.Devices, s.Using = []storedDevice{{Name: clientDevice, SignatureID: s.SignatureID, Signature: s.Signature}}, clientDevice
		s.Version, s.SignatureID, s.Signature = clientStateVersion, nil, nil
	}
	if s.Version != clientStateVersion || len(s.Devices) == 0 {
		return nil, fmt.Errorf("%s: version %d is unknown", clientStateFile, s.Version)
	}
	if s.Rooms == nil {
		s.Rooms = map[string]map[string][]byte{}
	}
	return &s, nil
}

// save replaces the file as a whole: a crash leaves the old or the new one.
func (d *stateDir) save(s *clientState) error {
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(d.path, clientStateFile+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(d.path, clientStateFile))
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	parent, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}
