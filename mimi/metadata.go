package mimi

import "anteroom/mls/wire"

// RoomMetadata is the data and the update of ComponentRoomMetadata; an update replaces the data, and a commit holds at most
// one (draft-ietf-mimi-protocol-06 §7.6). Avatar is an https URI or empty.
type RoomMetadata struct {
	Room         URI
	Name         string
	Descriptions []RichDescription
	Avatar       string
	Subject      string
	Mood         string
}

// RichDescription is a room description in one language; an empty media type means text/plain;charset=utf-8.
type RichDescription struct {
	MediaType string
	Language  string
	Content   []byte
}

func (m *RoomMetadata) MarshalTLS(w *wire.Writer) {
	writeURI(w, m.Room)
	w.OpaqueString(m.Name)
	w.Vector(func(w *wire.Writer) {
		for _, d := range m.Descriptions {
			w.OpaqueString(d.MediaType)
			w.OpaqueString(d.Language)
			w.Opaque(d.Content)
		}
	})
	w.OpaqueString(m.Avatar)
	w.OpaqueString(m.Subject)
	w.OpaqueString(m.Mood)
}

func (m *RoomMetadata) UnmarshalTLS(r *wire.Reader) {
	*m = RoomMetadata{}
	m.Room = readURI(r, "RoomMetaData.room_uri")
	if r.Err() == nil && m.Room.Kind() != KindRoom {
		r.Fail("not a room uri")
	}
	m.Name = readText(r, "RoomMetaData.room_name", MaxMetadataText)
	m.Descriptions = readList(r, "RoomMetaData.room_descriptions", MaxDescriptions, func(r *wire.Reader, d *RichDescription) {
		d.MediaType = readText(r, "RichDescription.media_type", MaxMetadataText)
		d.Language = readText(r, "RichDescription.language_tag", MaxMetadataText)
		d.Content = r.At("RichDescription.description_content").Opaque()
		if len(d.Content) > MaxMetadataText {
			r.Failf("longer than %d bytes", MaxMetadataText)
		}
	})
	m.Avatar = readText(r, "RoomMetaData.room_avatar", MaxURI)
	m.Subject = readText(r, "RoomMetaData.room_subject", MaxMetadataText)
	m.Mood = readText(r, "RoomMetaData.room_mood", MaxMetadataText)
}
