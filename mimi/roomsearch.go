package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Discoverable rooms have no search of their own between providers. Ours travels in the extensions of identifierQuery
// (draft-ietf-mimi-protocol-06 §5.8) as a private component: who does not know it answers for users alone (docs/decisions/122-search.md).

// Limits of a search for rooms.
const (
	MaxRoomTerms  = 1 << 10 // bytes of the words
	MaxFoundRooms = 50      // rooms of an answer
)

// RoomQuery asks for discoverable rooms in whose name, description or address all words occur; without words for all.
type RoomQuery struct{ Words string }

// FoundRoom is a discoverable room as strangers may see it.
type FoundRoom struct {
	Room        URI
	Name        string
	Description string
	Language    string // as xml:lang, may be empty
	Occupants   uint32
	Open        bool // enters who wants
	Anyone      bool // everybody sees who the others are
}

// FoundRooms answers a RoomQuery, the fullest rooms first. More says that there are others.
type FoundRooms struct {
	Rooms []FoundRoom
	More  bool
}

func (q *RoomQuery) MarshalTLS(w *wire.Writer) { w.OpaqueString(q.Words) }

func (q *RoomQuery) UnmarshalTLS(r *wire.Reader) {
	q.Words = readText(r, "RoomQuery.words", MaxRoomTerms)
}

func (f *FoundRooms) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for i := range f.Rooms {
			m := &f.Rooms[i]
			writeURI(w, m.Room)
			w.OpaqueString(m.Name)
			w.OpaqueString(m.Description)
			w.OpaqueString(m.Language)
			w.U32(m.Occupants)
			w.Bool(m.Open)
			w.Bool(m.Anyone)
		}
	})
	w.Bool(f.More)
}

func (f *FoundRooms) UnmarshalTLS(r *wire.Reader) {
	*f = FoundRooms{}
	f.Rooms = readList(r, "FoundRooms.rooms", MaxFoundRooms, func(r *wire.Reader, m *FoundRoom) {
		m.Room = readKind(r, "FoundRoom.room", KindRoom)
		m.Name = readText(r, "FoundRoom.name", MaxMetadataText)
		m.Description = readText(r, "FoundRoom.description", MaxMetadataText)
		m.Language = readText(r, "FoundRoom.language", MaxRoomTerms)
		m.Occupants = r.At("FoundRoom.occupants").U32()
		m.Open = r.At("FoundRoom.open").Bool()
		m.Anyone = r.At("FoundRoom.anyone").Bool()
	})
	f.More = r.At("FoundRooms.more").Bool()
}

// ParseRoomQuery takes a search for rooms out of the extensions of an identifier query.
func ParseRoomQuery(extensions mls.AppDataDictionary) (q *RoomQuery, present bool, err error) {
	data, present := extensions.Get(ComponentAnteroomRooms)
	if !present {
		return nil, false, nil
	}
	q, err = unmarshal[RoomQuery](data)
	return q, true, err
}

// ParseFoundRooms takes found rooms out of the extensions of an identifier response; none if there are none.
func ParseFoundRooms(extensions mls.AppDataDictionary) (*FoundRooms, error) {
	data, present := extensions.Get(ComponentAnteroomRooms)
	if !present {
		return &FoundRooms{}, nil
	}
	return unmarshal[FoundRooms](data)
}
