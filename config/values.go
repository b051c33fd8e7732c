package config

import (
	"log/slog"
	"net/url"
	"time"
)

// Secret is a string that formatted output and logs do not show.
type Secret string

// Reveal is the secret itself.
func (s Secret) Reveal() string { return string(s) }

const hidden = "(hidden)"

// String does not show the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString does not show the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue does not show the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText does not show the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Duration is a time span as it is written in a file: "90s", "30m" or "72h". A number without a unit is refused.
type Duration string

// D is the time span, -1 when the text is none; Load has refused that.
func (d Duration) D() time.Duration {
	span, err := time.ParseDuration(string(d))
	if err != nil {
		return -1
	}
	return span
}

// Redacted is the store's URL without its password, for logs.
func (s *Store) Redacted() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return hidden
	}
	return u.Redacted()
}
