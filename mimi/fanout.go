package mimi

import "anteroom/mls"

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
