package mimi

import (
	"fmt"
	"strings"

	"anteroom/mls"
)

// Endpoint names a service of a provider's directory (draft-ietf-mimi-protocol-06 §5.1).
type Endpoint string

const (
	EndpointKeyMaterial     Endpoint = "keyMaterial"
	EndpointUpdate          Endpoint = "update"
	EndpointNotify          Endpoint = "notify"
	EndpointSubmitMessage   Endpoint = "submitMessage"
	EndpointGroupInfo       Endpoint = "groupInfo"
	EndpointRequestConsent  Endpoint = "requestConsent"
	EndpointUpdateConsent   Endpoint = "updateConsent"
	EndpointIdentifierQuery Endpoint = "identifierQuery"
	EndpointReportAbuse     Endpoint = "reportAbuse"
	EndpointProxyDownload   Endpoint = "proxyDownload"
)

// Refusal says why something is not allowed: the same explanation goes to the MUC error, the MIMI answer and the log.
type Refusal struct {
	Endpoint Endpoint // whose Code it is
	Code     uint8    // of Endpoint, such as UpdateNotAllowed
	Rule     string   // short and stable: "can-kick", "list-twice"
	Text     string   // one sentence for people

	// Missing is the capability that would have allowed it, if HasMissing; Roles names the room's roles that have it.
	Missing    Capability
	HasMissing bool
	Roles      []string

	// Invalid names the proposals at fault, where known (answer code invalidProposal).
	Invalid [][]byte

	Epoch mls.Epoch // at which the group that was meant ended; 0: it did not
}

// Error returns the explanation in one line.
func (r *Refusal) Error() string {
	var b strings.Builder
	b.WriteString("refused by rule " + r.Rule)
	if r.Text != "" {
		b.WriteString(": " + r.Text)
	}
	if r.HasMissing {
		b.WriteString("; missing capability " + r.Missing.String())
		if len(r.Roles) > 0 {
			b.WriteString(", which has: " + strings.Join(r.Roles, ", "))
		} else {
			b.WriteString(", which no role of this room has")
		}
	}
	return b.String()
}

// RuleError says which rule a structure breaks.
type RuleError struct{ Rule, Text string }

func (e *RuleError) Error() string { return "mimi: " + e.Rule + ": " + e.Text }

func listError(rule, format string, args ...any) error {
	return &RuleError{rule, fmt.Sprintf(format, args...)}
}
