package mimi

import (
	"bytes"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// FanoutMessage is one event that the hub tells another provider (draft-ietf-mimi-protocol-06 §5.5). It has no protocol octet.
// Which of the other fields travels is decided by Message: Frank with an application message, RatchetTree with a Welcome,
// More with a proposal (further proposals) and with an external commit (the hub's proposals issued anew).
type FanoutMessage struct {
	Timestamp   uint64 // the hub's acceptance, milliseconds since 1970
	Message     *mls.Message
	Frank       *Frank
	RatchetTree RatchetTreeOption
	More        []*mls.Message
}

func (m *FanoutMessage) MarshalTLS(w *wire.Writer) {
	w.U64(m.Timestamp)
	m.Message.MarshalTLS(w)
	switch shapeOf(m.Message) {
	case shapeApplication:
		writeFrank(w, m.Frank)
	case shapeWelcome:
		m.RatchetTree.MarshalTLS(w)
	case shapeProposal, shapeCommit:
		writeMessages(w, m.More)
	}
}

func (m *FanoutMessage) UnmarshalTLS(r *wire.Reader) {
	*m = FanoutMessage{}
	m.Timestamp = r.At("FanoutMessage.timestamp").U64()
	m.Message = readMessage(r, "FanoutMessage.message")
	switch shapeOf(m.Message) {
	case shapeApplication:
		m.Frank = readFrank(r, "FanoutMessage.frank")
	case shapeWelcome:
		m.RatchetTree.UnmarshalTLS(r)
	case shapeProposal:
		m.More = readProposals(r, "FanoutMessage.moreProposals", MaxMoreMessages)
	case shapeCommit:
		m.More = readProposals(r, "FanoutMessage.externalProposals", MaxMoreMessages)
	default:
		r.At("FanoutMessage.message").Fail("neither application message, proposal, commit nor welcome")
	}
}

// ParseFanout reads the body of a notify request: one or more FanoutMessages one after the other. The result does not share
// memory with b.
func ParseFanout(b []byte) ([]*FanoutMessage, error) {
	list, _, err := SplitFanout(b)
	return list, err
}

// SplitFanout is ParseFanout, with the encoding of each message, which shares memory with b.
func SplitFanout(b []byte) (list []*FanoutMessage, encoded [][]byte, err error) {
	r := wire.NewReader(bytes.Clone(b))
	for {
		m, begin := new(FanoutMessage), len(b)-r.Len()
		m.UnmarshalTLS(r)
		if err := r.Err(); err != nil {
			return nil, nil, err
		}
		encoded = append(encoded, b[begin:len(b)-r.Len()])
		if list = append(list, m); r.Len() == 0 {
			return list, encoded, nil
		}
		if len(list) == MaxFanout {
			r.Failf("more than %d messages", MaxFanout)
			return nil, nil, r.Err()
		}
	}
}
