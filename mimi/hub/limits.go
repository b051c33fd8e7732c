package hub

// Limits on what peers can make a room remember.
const (
	// MaxRemembered is how many accepted request bodies are recognised when they come again. The oldest of the provider that has the most is forgotten first.
	MaxRemembered = 512
	// MaxRoutes is how many claimed key packages are waiting for their Welcome. The one that expires first is forgotten first.
	MaxRoutes = 8192
	// MaxRoutesShare is how many of them may be one provider's. Its own that expire first are forgotten first.
	MaxRoutesShare = 1024
	// MaxAdded is how many clients one commit of another provider may add by value.
	MaxAdded = 512
	// MaxFormers is of how many groups of the room that ended the hub remembers where. The oldest is forgotten first.
	MaxFormers = 8
	// MaxPending is how many accepted proposals may wait for a commit, MaxPendingShare how many of them may be those of one other provider.
	MaxPending      = 256
	MaxPendingShare = 128
)
