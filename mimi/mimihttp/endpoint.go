package mimihttp

import (
	"fmt"
	"net/url"
	"strings"

	"anteroom/mimi"
)

// implemented is every endpoint that exists here.
var implemented = []mimi.Endpoint{mimi.EndpointKeyMaterial, mimi.EndpointUpdate, mimi.EndpointNotify, mimi.EndpointSubmitMessage, mimi.EndpointGroupInfo,
	mimi.EndpointRequestConsent, mimi.EndpointUpdateConsent, mimi.EndpointReportAbuse,
	mimi.EndpointIdentifierQuery}

// ContentType is sent with every body. Any is accepted: the draft leaves it open.
const ContentType = "application/octet-stream"

const pathPrefix = "/v1/"

// parameter is the variable of an endpoint's template.
func parameter(e mimi.Endpoint) string {
	switch e {
	case mimi.EndpointKeyMaterial, mimi.EndpointRequestConsent:
		return "targetUser"
	case mimi.EndpointUpdateConsent:
		return "requesterUser"
	case mimi.EndpointIdentifierQuery:
		return "domain"
	case mimi.EndpointProxyDownload:
		return "downloadUrl"
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
	case mimi.EndpointRequestConsent, mimi.EndpointUpdateConsent:
		return MaxConsentBody
	case mimi.EndpointReportAbuse:
		return MaxAbuseBody
	case mimi.EndpointIdentifierQuery:
		return MaxQueryBody
	}
	return MaxGroupInfoBody
}

// endpointURL finds where a peer wants requests about value, the URI of a room or user or the peer's own name. The result must stay with the peer: a host that is its domain or below it,
// because that is the name that its certificate proves.
func endpointURL(peer string, d mimi.Directory, e mimi.Endpoint, value string) (*url.URL, error) {
	expanded, err := d.URL(e, value)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(expanded)
	if err != nil {
		return nil, fmt.Errorf("mimihttp: directory of %s: %s: %w", peer, e, err)
	}
	if host := u.Hostname(); host != peer && !strings.HasSuffix(host, "."+peer) {
		return nil, fmt.Errorf("mimihttp: directory of %s: %s leads to %s", peer, e, host)
	}
	return u, nil
}
