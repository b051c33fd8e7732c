package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// AbusiveMessage is a message that is reported, with the hub's stamp on it.
type AbusiveMessage struct {
	Content    []byte
	Frank      Frank
	AcceptedAt uint64 // milliseconds since 1970
}

// AbuseReport is the body of reportAbuse (draft-ietf-mimi-protocol-06 §5.9). Reporter may be zero; no reasons are defined yet.
type AbuseReport struct {
	Reporter   URI
	Abuser     URI
	Reason     uint8
	Note       string
	Messages   []AbusiveMessage
	Extensions mls.AppDataDictionary
}

func (m *AbusiveMessage) MarshalTLS(w *wire.Writer) {
	w.Opaque(m.Content)
	m.Frank.MarshalTLS(w)
	w.U64(m.AcceptedAt)
}

func (m *AbusiveMessage) UnmarshalTLS(r *wire.Reader) {
	m.Content = r.At("AbusiveMessage.message_content").Opaque()
	m.Frank.UnmarshalTLS(r)
	m.AcceptedAt = r.At("AbusiveMessage.accepted_timestamp").U64()
}

func (a *AbuseReport) MarshalTLS(w *wire.Writer) {
	writeURI(w, a.Reporter)
	writeURI(w, a.Abuser)
	w.U8(a.Reason)
	w.OpaqueString(a.Note)
	w.Vector(func(w *wire.Writer) {
		for i := range a.Messages {
			a.Messages[i].MarshalTLS(w)
		}
	})
	a.Extensions.MarshalTLS(w)
}

func (a *AbuseReport) UnmarshalTLS(r *wire.Reader) {
	*a = AbuseReport{}
	if reporter := r.At("AbuseReport.reportingUser").String(); reporter != "" && r.Err() == nil {
		u, err := ParseURI(reporter)
		if err != nil || u.Kind() != KindUser {
			r.Fail("neither empty nor a user uri")
		}
		a.Reporter = u
	}
	a.Abuser = readKind(r, "AbuseReport.allegedAbuserUri", KindUser)
	a.Reason = r.At("AbuseReport.reasonCode").U8()
	a.Note = readText(r, "AbuseReport.note", MaxNote)
	a.Messages = readList(r, "AbuseReport.messages", MaxAbusiveMessages, func(r *wire.Reader, m *AbusiveMessage) { m.UnmarshalTLS(r) })
	a.Extensions.UnmarshalTLS(r)
}
