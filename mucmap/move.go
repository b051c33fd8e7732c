package mucmap

import (
	"errors"
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
)

// A room cannot take its group to another provider: the room's URI names its hub. It moves by being made again there, of a document that names
// everybody by URI, since the same address is somebody else in another provider's mouth, and by ending here with the new room as alternate
// venue (docs/decisions/141-moving.md).

// documentFor is the document of which another provider's operator makes the room that takes this one's place.
func (r *Room) documentFor(provider string) (*roomdoc.Document, error) {
	switch {
	case mimi.CheckProvider(provider) != nil:
		return nil, errors.New(provider + " is no provider's name")
	case provider == r.svc.cfg.Provider:
		return nil, errors.New("the room is at " + provider + " already")
	case r.pub.Locked:
		return nil, errors.New("the room is new and not configured yet")
	}
	d := r.document(mimi.URI.String)
	d.Metadata, d.OwningSystem = r.pub.documentMetadata(), nil
	d.SystemAuth = slices.DeleteFunc(d.SystemAuth, func(x roomdoc.SystemUser) bool { // it is the hub there
		u, err := mimi.ParseURI(x.Name)
		return err == nil && u.Provider() == provider
	})
	return d, nil
}
