package mls

import "testing"

// What RFC 9420 §7.2 makes a default need not be listed; of the credential types there is no default.
func TestSupportsWhatIsRequired(t *testing.T) {
	c := &Capabilities{Extensions: []ExtensionType{0xF001}, Proposals: []ProposalType{0xF002}, Credentials: []CredentialType{CredentialBasic}}
	for _, tt := range []struct {
		what string
		need RequiredCapabilities
		want bool
	}{
		{"nothing", RequiredCapabilities{}, true},
		{"defaults", RequiredCapabilities{Extensions: []ExtensionType{ExtensionExternalSenders}, Proposals: []ProposalType{ProposalGroupContextExtensions}}, true},
		{"what is listed", RequiredCapabilities{Extensions: []ExtensionType{0xF001}, Proposals: []ProposalType{0xF002}, Credentials: []CredentialType{CredentialBasic}}, true},
		{"another extension", RequiredCapabilities{Extensions: []ExtensionType{0xF001, 0xF003}}, false},
		{"another proposal", RequiredCapabilities{Proposals: []ProposalType{0xF003}}, false},
		{"another credential", RequiredCapabilities{Credentials: []CredentialType{CredentialX509}}, false},
	} {
		if got := c.Supports(&tt.need); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}
