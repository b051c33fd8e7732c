package mls

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

func vectorDeserialization(t *testing.T, file string) {
	type vector struct {
		Header hexBytes `json:"vlbytes_header"`
		Length int
	}
	for _, c := range loadVectors[vector](t, file) {
		r := wire.NewReader(c.Header)
		if n := r.Varint(); n != c.Length || r.Done() != nil {
			t.Errorf("header %x gives %d, %v; want %d", c.Header, n, r.Err(), c.Length)
		}
		if got := wire.AppendVarint(nil, c.Length); !bytes.Equal(got, c.Header) {
			t.Errorf("length %d encodes as %x, want %x", c.Length, got, c.Header)
		}
	}
}

// body is a proposal without its type, as the vectors have it.
type body struct {
	kind ProposalType
	p    Proposal
}

func (b *body) MarshalTLS(w *wire.Writer)   { b.p.marshalBody(w) }
func (b *body) UnmarshalTLS(r *wire.Reader) { b.p = readProposalBody(r, b.kind) }

type structure interface {
	wire.Marshaler
	wire.Unmarshaler
}

// messageStructures says what each field of messages.json is.
var messageStructures = map[string]func() structure{
	"mls_welcome":                       func() structure { return new(Message) },
	"mls_group_info":                    func() structure { return new(Message) },
	"mls_key_package":                   func() structure { return new(Message) },
	"ratchet_tree":                      func() structure { return new(RatchetTree) },
	"group_secrets":                     func() structure { return new(groupSecrets) },
	"add_proposal":                      func() structure { return &body{kind: ProposalAdd} },
	"update_proposal":                   func() structure { return &body{kind: ProposalUpdate} },
	"remove_proposal":                   func() structure { return &body{kind: ProposalRemove} },
	"pre_shared_key_proposal":           func() structure { return &body{kind: ProposalPSK} },
	"re_init_proposal":                  func() structure { return &body{kind: ProposalReInit} },
	"external_init_proposal":            func() structure { return &body{kind: ProposalExternalInit} },
	"group_context_extensions_proposal": func() structure { return &body{kind: ProposalGroupContextExtensions} },
	"commit":                            func() structure { return new(Commit) },
	"public_message_application":        func() structure { return new(Message) },
	"public_message_proposal":           func() structure { return new(Message) },
	"public_message_commit":             func() structure { return new(Message) },
	"private_message":                   func() structure { return new(Message) },
}

// Every structure decodes, and encodes again to the same bytes; every one cut short or extended by a byte is refused.
func vectorMessages(t *testing.T, file string) {
	for i, c := range loadVectors[map[string]hexBytes](t, file) {
		for name, in := range c {
			empty, known := messageStructures[name]
			if !known {
				t.Fatalf("case %d: unknown structure %s", i, name)
			}
			v := empty()
			if err := wire.Unmarshal(in, v); err != nil {
				t.Fatalf("case %d, %s: %v", i, name, err)
			}
			if got := wire.Marshal(v); !bytes.Equal(got, in) {
				t.Fatalf("case %d, %s: encodes again as %x, want %x", i, name, got, in)
			}
			if err := wire.Unmarshal(in[:len(in)-1], empty()); err == nil {
				t.Fatalf("case %d, %s: accepted without its last byte", i, name)
			}
			if err := wire.Unmarshal(append(bytes.Clone(in), 0), empty()); err == nil {
				t.Fatalf("case %d, %s: accepted with a byte after it", i, name)
			}
		}
	}
}

type transcriptHashesCase struct {
	CipherSuite          uint16   `json:"cipher_suite"`
	ConfirmationKey      hexBytes `json:"confirmation_key"`
	AuthenticatedContent hexBytes `json:"authenticated_content"`
	InterimBefore        hexBytes `json:"interim_transcript_hash_before"`
	ConfirmedAfter       hexBytes `json:"confirmed_transcript_hash_after"`
	InterimAfter         hexBytes `json:"interim_transcript_hash_after"`
}

func vectorTranscriptHashes(t *testing.T, file string) {
	cases := loadVectors[transcriptHashesCase](t, file)
	eachSuite(t, cases, func(c *transcriptHashesCase) uint16 { return c.CipherSuite }, func(t *testing.T, st *suite.Suite, c *transcriptHashesCase) {
		var a authenticatedContent
		if err := wire.Unmarshal(c.AuthenticatedContent, &a); err != nil {
			t.Fatal(err)
		}
		if a.Content.ContentType != ContentCommit {
			t.Fatal("not a commit")
		}
		confirmed := a.confirmedTranscriptHash(st, c.InterimBefore)
		if !bytes.Equal(confirmed, c.ConfirmedAfter) {
			t.Errorf("confirmed transcript hash %x", confirmed)
		}
		if !st.VerifyMAC(c.ConfirmationKey, confirmed, a.Auth.ConfirmationTag) {
			t.Error("the confirmation tag does not verify")
		}
		if interim := interimTranscriptHash(st, confirmed, a.Auth.ConfirmationTag); !bytes.Equal(interim, c.InterimAfter) {
			t.Errorf("interim transcript hash %x", interim)
		}
		if got := wire.Marshal(&a); !bytes.Equal(got, c.AuthenticatedContent) {
			t.Errorf("encodes again as %x", got)
		}
	})
}

// messageSeeds returns the structures of the first cases of messages.json for fuzzing.
func messageSeeds(f *testing.F) [][]byte {
	dir := os.Getenv("ANTEROOM_VECTORS")
	b, err := os.ReadFile(dir + "/mls/messages.json")
	if dir == "" || err != nil {
		return nil
	}
	var cases []map[string]hexBytes
	if err := json.Unmarshal(b, &cases); err != nil {
		f.Fatal(err)
	}
	var seeds [][]byte
	for _, c := range cases[:3] {
		for _, in := range c {
			seeds = append(seeds, in)
		}
	}
	return seeds
}
