package mimihttp

import "time"

// Limits on what a peer may send. A request body beyond its endpoint's limit is answered with 413 and never reaches the Provider.
const (
	MaxKeyMaterialBody = 64 << 10
	MaxUpdateBody      = 4 << 20 // a commit with a Welcome and a full tree for some thousand members
	MaxNotifyBody      = 8 << 20 // several of them
	MaxSubmitBody      = 1 << 20
	MaxGroupInfoBody   = 64 << 10
	MaxAbuseBody       = 128 << 10
	MaxQueryBody       = 32 << 10
	MaxConsentBody     = 256 << 10 // a grant with key packages of a user's clients

	MaxResponseBody  = 16 << 20 // a GroupInfo with a full tree
	MaxPathParameter = 2 << 10  // of the decoded URI
	MaxHeaderBytes   = 16 << 10

	maxRefusalText = 1 << 10
)

// Timeouts of one exchange.
const (
	DialTimeout       = 10 * time.Second
	ExchangeTimeout   = 30 * time.Second // whole request and response, if the caller's context allows more
	ReadHeaderTimeout = 10 * time.Second
	ReadTimeout       = 60 * time.Second
	BodyTimeout       = 20 * time.Second // of a request's body, which is read whole before anything is done
	WriteTimeout      = 90 * time.Second // of an answer, counted from the request's header
	IdleTimeout       = 2 * time.Minute

	// DirectoryLifetime is how long a fetched directory is used without asking again. A peer whose endpoint answers 404 is asked
	// again at once.
	DirectoryLifetime = time.Hour

	// MaxRetryAfter bounds how long a peer can make us wait.
	MaxRetryAfter = time.Hour

	// DefaultRetryAfter is what the server tells with its own 429 and 503.
	DefaultRetryAfter = 2 * time.Second

	// MaxDirectories bounds the directory cache. Beyond it the cache starts anew.
	MaxDirectories = 4096
)
