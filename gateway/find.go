package gateway

import (
	"context"
	"net/http"

	"anteroom/mimi"
)

// IdentifierQuery answers what another provider searches for here (draft-ietf-mimi-protocol-06 §5.8). No room and no user is woken by it.
func (g *Gateway) IdentifierQuery(_ context.Context, peer string, body []byte) (int, []byte) {
	g.m.requests.WithLabelValues(string(mimi.EndpointIdentifierQuery)).Inc()
	status, answer := g.opt.Rooms.IdentifierQuery(body, g.dir.all())
	if status != http.StatusOK {
		g.log.Info("search of a provider is refused", "provider", peer, "status", status, "reason", string(answer))
	}
	return status, answer
}
