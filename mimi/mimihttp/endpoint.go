package mimihttp

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"anteroom/mimi"
)

// implemented is every endpoint that exists here.
var implemented = []mimi.Endpoint{mimi.EndpointKeyMaterial, mimi.EndpointUpdate, mimi.EndpointNotify, mimi.EndpointSubmitMessage, mimi.EndpointGroupInfo}

// DirectoryPath is where a provider's directory is found.
const DirectoryPath = "/.well-known/mimi-protocol-directory"

// ContentType is sent with every body. Any is accepted: the draft leaves it open.
const ContentType = "application/octet-stream"

const pathPrefix = "/v1/"

// parameter is the variable of an endpoint's template.
func parameter(e mimi.Endpoint) string {
	if e == mimi.EndpointKeyMaterial {
		return "targetUser"
	}
	return "roomId"
}

func maxBody(e mimi.Endpoint) int64 {
	switch e {
	case mimi.EndpointKeyMaterial:
		return MaxKeyMaterialBody
	case mimi.EndpointUpdate:
		return MaxUpdateBody
	case mimi.EndpointNotify:
		return MaxNotifyBody
	case mimi.EndpointSubmitMessage:
		return MaxSubmitBody
	}
	return MaxGroupInfoBody
}

// directory maps endpoint names to URI templates with one variable each.
type directory map[mimi.Endpoint]string

// newDirectory describes endpoints that are all served below https://domain/v1/.
func newDirectory(domain string, endpoints []mimi.Endpoint) directory {
	d := directory{}
	for _, e := range endpoints {
		d[e] = "https://" + domain + pathPrefix + string(e) + "/{" + parameter(e) + "}"
	}
	return d
}

// parseDirectory reads a peer's directory, leaving out what it does not understand. Templates must stay with the peer: an https URL
// whose host is the domain itself or below it.
func parseDirectory(domain string, body []byte) (directory, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(body, &raw); err != nil {
		return nil, fmt.Errorf("mimihttp: directory of %s: %w", domain, err)
	}
	d := directory{}
	for _, e := range implemented {
		value, ok := raw[string(e)]
		if !ok {
			continue
		}
		var template string
		if err := json.Unmarshal(value, &template); err != nil {
			return nil, fmt.Errorf("mimihttp: directory of %s: %s: %w", domain, e, err)
		}
		if _, err := expand(domain, e, template, "mimi://x.invalid/u/x"); err != nil {
			return nil, fmt.Errorf("mimihttp: directory of %s: %s: %w", domain, e, err)
		}
		d[e] = template
	}
	return d, nil
}

// expand puts a percent-encoded value into a template and checks where the result leads.
func expand(domain string, e mimi.Endpoint, template, value string) (*url.URL, error) {
	variable := "{" + parameter(e) + "}"
	if strings.Count(template, variable) != 1 {
		return nil, fmt.Errorf("template %q needs %s once", template, variable)
	}
	expanded := strings.Replace(template, variable, escape(value), 1)
	if strings.ContainsAny(expanded, "{}") {
		return nil, fmt.Errorf("template %q has an unknown variable", template)
	}
	u, err := url.Parse(expanded)
	if err != nil {
		return nil, fmt.Errorf("template %q is no URL", template)
	}
	if u.Scheme != "https" || u.User != nil {
		return nil, fmt.Errorf("template %q is not plain https", template)
	}
	host := u.Hostname()
	if host != domain && !strings.HasSuffix(host, "."+domain) {
		return nil, fmt.Errorf("template %q leads to another host", template)
	}
	return u, nil
}

// escape percent-encodes everything but unreserved characters (RFC 3986 §2.3), so that a URI is one path segment.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
