package content

import (
	"strings"

	"anteroom/xmpp"
)

// TypeStatus is the media type of a report on messages (draft-mahy-mimi-message-status-01).
const TypeStatus = "application/mimi-message-status"

// MaxReport is how many messages one report is about.
const MaxReport = 1024

// Status is what became of a message at the one who reports.
type Status uint8

const (
	Unread    Status = 0
	Delivered Status = 1
	Read      Status = 2
	Expired   Status = 3
	Deleted   Status = 4
	Hidden    Status = 5
	Failed    Status = 6
)

// MessageStatus is an entry of a report.
type MessageStatus struct {
	Message MessageID
	Status  Status
}

// EncodeReport returns the deterministic encoding of a MessageStatusReport (§4).
func EncodeReport(report []MessageStatus) ([]byte, error) {
	w := writer{}
	w.head(majorArray, uint64(len(report)))
	for _, s := range report {
		w.head(majorArray, 2)
		w.bytes(s.Message[:])
		w.uint(uint64(s.Status))
	}
	if _, err := DecodeReport(w.b); err != nil {
		return nil, err
	}
	return w.b, nil
}

// DecodeReport reads a MessageStatusReport in deterministic encoding.
func DecodeReport(b []byte) ([]MessageStatus, error) {
	n, rest, ok := head(b)
	if !ok || b[0]>>5 != majorArray || n > MaxReport {
		return nil, bad("MessageStatusReport", "not an array of at most %d", MaxReport)
	}
	var report []MessageStatus
	for range n {
		const size = len(MessageID{})
		if len(rest) < 3+size || rest[0] != 0x82 || rest[1] != 0x58 || int(rest[2]) != size {
			return nil, bad("PerMessageStatus", "not a message id of %d bytes and a status", size)
		}
		s := MessageStatus{Message: MessageID(rest[3 : 3+size])}
		rest = rest[3+size:]
		v, after, ok := head(rest)
		if !ok || rest[0]>>5 != majorUint || v > 255 || s.Message.IsZero() {
			return nil, bad("PerMessageStatus", "a status that is not 0 to 255 in its shortest form, or a message id of zeros")
		}
		s.Status, rest = Status(v), after
		report = append(report, s)
	}
	if len(rest) > 0 {
		return nil, bad("MessageStatusReport", "bytes after the end")
	}
	return report, nil
}

const (
	nsMarkers  = "urn:xmpp:chat-markers:0" // XEP-0333
	nsReceipts = "urn:xmpp:receipts"       // XEP-0184
)

// marker is what a displayed marker, or a receipt, says of a message.
func marker(e *xmpp.Element) (Status, bool) {
	switch {
	case e.Is(nsMarkers, "displayed"):
		return Read, true
	case e.Is(nsReceipts, "received"):
		return Delivered, true
	}
	return 0, false
}

// fromMarker turns markers and receipts into a report on those messages that are known. Without a body such a message is nothing else.
func fromMarker(m *Message, s *xmpp.Stanza, refs References) bool {
	var report []MessageStatus
	for _, e := range s.Payload {
		status, marks := marker(e)
		switch {
		case marks:
			if id, known := find(refs.ByStanzaID, e.Attr("id")); known && len(report) < MaxReport {
				report = append(report, MessageStatus{id, status})
			}
		case private(e), e.Is(xmpp.NSClient, "thread"):
		default:
			return false
		}
	}
	if len(report) == 0 {
		return false
	}
	b, err := EncodeReport(report)
	m.Body = Part{Cardinality: Single, ContentType: TypeStatus, Content: b}
	return err == nil
}

// renderReport is a report as the marker of the last message in it that was read; nil: the message is no report. Of what else became of
// messages a room is told nothing: one receipt of each occupant for each message is what XEP-0184 §5.3 warns of.
func (m *Message) renderReport(names Names) []*xmpp.Element {
	if m.Body.Cardinality != Single || !strings.EqualFold(m.Body.ContentType, TypeStatus) {
		return nil
	}
	report, err := DecodeReport(m.Body.Content)
	if err != nil {
		return nil
	}
	for i := len(report) - 1; i >= 0; i-- {
		if id, ok := name(names.StanzaID, report[i].Message); ok && report[i].Status == Read {
			return []*xmpp.Element{xmpp.NewElement(nsMarkers, "displayed").WithAttr("id", id)}
		}
	}
	return []*xmpp.Element{}
}
