package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mls"
	"anteroom/xmpp"
)

// encode turns a groupchat message into MIMI content: the application data of its MLS message.
func (s *Service) encode(st *xmpp.Stanza, sender, room mimi.URI, seed mls.Seed) ([]byte, error) {
	var salt [content.SaltSize]byte
	copy(salt[:], seed[:])
	return content.FromXMPP(st, salt, sender, room, content.References{}).Encode()
}

// decode turns MIMI content into the payload of a groupchat message.
func (s *Service) decode(data []byte, sender, room mimi.URI) (*xmpp.Stanza, error) {
	m, err := content.Decode(data)
	if err != nil {
		return nil, err
	}
	r := m.ToXMPP(content.Names{})
	return &xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeGroupchat, Lang: r.Lang, Payload: r.Payload}, nil
}
