package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/policy"
)

// The group's logging policy (draft-ietf-mimi-room-policy-04 §7.5) and muc#roomconfig_enablelogging say the same: a room with loggers is logged, and one
// whose policy forbids it is not. A policy without loggers leaves it to the room to say so to XMPP users.

// followLogging takes over what the group says.
func (c *roomConfig) followLogging(s *policy.State) {
	switch p := s.Logging(); {
	case p.Logging == mimi.Forbidden:
		c.Logging = false
	case len(p.Clients) > 0:
		c.Logging = true
	}
}

// policies changes what of a configuration the group has a policy for.
func (d *delta) policies(now, next *roomConfig) {
	if now.Before != next.Before {
		d.replace(mimi.ComponentChatHistoryPolicy, next.historyPolicy())
	}
	if now.Expiry != next.Expiry {
		d.replace(mimi.ComponentMessageExpiration, next.expirationPolicy())
	}
	p := d.state.Logging()
	switch {
	case now.Logging == next.Logging:
	case next.Logging && p.Logging == mimi.Forbidden:
		d.replace(mimi.ComponentLoggingPolicy, &mimi.LoggingPolicy{})
	case !next.Logging && len(p.Clients) > 0:
		d.replace(mimi.ComponentLoggingPolicy, &mimi.LoggingPolicy{Logging: mimi.Forbidden})
	}
}
