package mimi

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// DirectoryPath is where a provider's directory is found (draft-ietf-mimi-protocol-06 §5.1).
const DirectoryPath = "/.well-known/mimi-protocol-directory"

// MaxDirectory bounds a directory document in bytes.
const MaxDirectory = 64 << 10

// placeholders names the variable of each endpoint's URI template.
var placeholders = map[Endpoint]string{
	EndpointKeyMaterial:     "{targetUser}",
	EndpointUpdate:          "{roomId}",
	EndpointNotify:          "{roomId}",
	EndpointSubmitMessage:   "{roomId}",
	EndpointGroupInfo:       "{roomId}",
	EndpointRequestConsent:  "{targetUser}",
	EndpointUpdateConsent:   "{requesterUser}",
	EndpointIdentifierQuery: "{domain}",
	EndpointReportAbuse:     "{roomId}",
	EndpointProxyDownload:   "{downloadUrl}",
}

// Directory maps endpoints to URI templates with one variable each.
type Directory map[Endpoint]string

// NewDirectory returns a directory whose templates lie under an https base URL without trailing slash.
func NewDirectory(base string, endpoints ...Endpoint) Directory {
	d := make(Directory, len(endpoints))
	for _, e := range endpoints {
		d[e] = base + "/" + string(e) + "/" + placeholders[e]
	}
	return d
}

// ParseDirectory reads a directory document. Unknown entries are ignored; a known entry must be an https template with its
// variable once.
func ParseDirectory(b []byte) (Directory, error) {
	if len(b) > MaxDirectory {
		return nil, fmt.Errorf("mimi: directory is longer than %d bytes", MaxDirectory)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("mimi: directory: %w", err)
	}
	d := make(Directory)
	for e, placeholder := range placeholders {
		entry, ok := raw[string(e)]
		if !ok {
			continue
		}
		var template string
		if err := json.Unmarshal(entry, &template); err != nil {
			return nil, fmt.Errorf("mimi: directory: %s: %w", e, err)
		}
		if strings.Count(template, placeholder) != 1 {
			return nil, fmt.Errorf("mimi: directory: %s does not contain %s once", e, placeholder)
		}
		if !isHTTPS(template, placeholder) {
			return nil, fmt.Errorf("mimi: directory: %s is not an https url", e)
		}
		d[e] = template
	}
	return d, nil
}

// URL expands an endpoint's template for a room, user, domain or download URL.
func (d Directory) URL(e Endpoint, value string) (string, error) {
	template, ok := d[e]
	if !ok {
		return "", fmt.Errorf("mimi: the provider's directory has no %s", e)
	}
	if value == "" {
		return "", errors.New("mimi: empty value for an endpoint")
	}
	return strings.Replace(template, placeholders[e], escape(value), 1), nil
}

// isHTTPS says whether a template is an https URL without user, query or fragment that has its variable in the path.
func isHTTPS(template, placeholder string) bool {
	rest, ok := strings.CutPrefix(template, "https://")
	if !ok || len(template) > MaxURI {
		return false
	}
	host, path, ok := strings.Cut(rest, "/")
	if !ok || host == "" || strings.ContainsAny(host, "@{}?#\\") {
		return false
	}
	for _, part := range []string{host, strings.Replace(path, placeholder, "", 1)} {
		for i := range len(part) {
			if c := part[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("{}?#\"<>\\", c) >= 0 {
				return false
			}
		}
	}
	return strings.Contains(path, placeholder)
}
