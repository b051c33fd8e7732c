package mimi

import "anteroom/mls/wire"

// StatusNotificationPolicy is the data and the update of ComponentStatusNotification (draft-ietf-mimi-room-policy-04 §7.1).
type StatusNotificationPolicy struct{ Delivery, Read Optionality }

func (p *StatusNotificationPolicy) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Delivery))
	w.U8(uint8(p.Read))
}

func (p *StatusNotificationPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = StatusNotificationPolicy{}
	p.Delivery = readOptionality(r, "StatusNotificationPolicy.delivery_notifications")
	p.Read = readOptionality(r, "StatusNotificationPolicy.read_receipts")
}

// JoinLinkPolicy is the data and the update of ComponentJoinLinkPolicy (§7.2). Expiration is in seconds.
type JoinLinkPolicy struct {
	OnRequest  bool
	Link       []byte
	MultiUser  bool
	Expiration uint32
}

func (p *JoinLinkPolicy) MarshalTLS(w *wire.Writer) {
	w.Bool(p.OnRequest)
	w.Opaque(p.Link)
	w.Bool(p.MultiUser)
	w.U32(p.Expiration)
}

func (p *JoinLinkPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = JoinLinkPolicy{}
	p.OnRequest = r.At("JoinLinkPolicy.on_request").Bool()
	p.Link = readLink(r, "JoinLinkPolicy.join_link")
	p.MultiUser = r.At("JoinLinkPolicy.multiuser").Bool()
	p.Expiration = r.At("JoinLinkPolicy.expiration").U32()
}

func readLink(r *wire.Reader, field string) []byte {
	b := r.At(field).Opaque()
	if len(b) > MaxURI {
		r.Failf("longer than %d bytes", MaxURI)
	}
	return b
}

// JoinLinks is the data of ComponentJoinLinks.
type JoinLinks struct{ Links [][]byte }

func writeLinks(w *wire.Writer, links [][]byte) {
	w.Vector(func(w *wire.Writer) {
		for _, link := range links {
			w.Opaque(link)
		}
	})
}

func readLinks(r *wire.Reader, field string) [][]byte {
	return readList(r, field, MaxJoinLinks, func(r *wire.Reader, v *[]byte) { *v = readLink(r, "JoinLink.join_link") })
}

func (l *JoinLinks) MarshalTLS(w *wire.Writer)   { writeLinks(w, l.Links) }
func (l *JoinLinks) UnmarshalTLS(r *wire.Reader) { l.Links = readLinks(r, "JoinLinksData") }

// JoinLinksUpdate is an update of ComponentJoinLinks: positions of the present list to remove, then links to append.
type JoinLinksUpdate struct {
	Removed []uint32
	Added   [][]byte
}

func (u *JoinLinksUpdate) MarshalTLS(w *wire.Writer) {
	writeIntegers(w, u.Removed, 4)
	writeLinks(w, u.Added)
}

func (u *JoinLinksUpdate) UnmarshalTLS(r *wire.Reader) {
	*u = JoinLinksUpdate{}
	u.Removed = readIntegers[uint32](r, "JoinLinksUpdate.removedIndices", 4, MaxJoinLinks)
	u.Added = readLinks(r, "JoinLinksUpdate.added_links")
}

// Apply returns the links after an update; l is unchanged.
func (l *JoinLinks) Apply(u *JoinLinksUpdate) (*JoinLinks, error) {
	gone := make(map[uint32]bool, len(u.Removed))
	for _, index := range u.Removed {
		if int64(index) >= int64(len(l.Links)) || gone[index] {
			return nil, listError("link-index", "position %d does not exist or is removed twice", index)
		}
		gone[index] = true
	}
	next := make([][]byte, 0, len(l.Links)+len(u.Added))
	for i, link := range l.Links {
		if !gone[uint32(i)] {
			next = append(next, link)
		}
	}
	next = append(next, u.Added...)
	if len(next) > MaxJoinLinks {
		return nil, listError("link-limit", "more than %d join links", MaxJoinLinks)
	}
	return &JoinLinks{next}, nil
}

// LoggingPolicy is the data and the update of ComponentLoggingPolicy (§7.5); the fields after Logging are empty when forbidden.
type LoggingPolicy struct {
	Logging                        Optionality
	Clients                        []string
	MachineReadable, HumanReadable string
}

func (p *LoggingPolicy) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Logging))
	if p.Logging == Forbidden {
		return
	}
	w.Vector(func(w *wire.Writer) {
		for _, client := range p.Clients {
			w.OpaqueString(client)
		}
	})
	w.OpaqueString(p.MachineReadable)
	w.OpaqueString(p.HumanReadable)
}

func (p *LoggingPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = LoggingPolicy{}
	p.Logging = readOptionality(r, "LoggingPolicy.logging")
	if p.Logging == Forbidden {
		return
	}
	p.Clients = readList(r, "LoggingPolicy.logging_clients", MaxPolicyEntries, func(r *wire.Reader, v *string) {
		*v = readText(r, "LoggingPolicy.logging_clients", MaxURI)
	})
	if r.Err() == nil && p.Logging == Required && len(p.Clients) == 0 {
		r.Fail("required logging without a logging client")
	}
	p.MachineReadable = readText(r, "LoggingPolicy.machine_readable_policy", MaxURI)
	p.HumanReadable = readText(r, "LoggingPolicy.human_readable_policy", MaxURI)
}

// HistoryPolicy is the data and the update of ComponentChatHistoryPolicy (§7.6). MaxPeriod is in seconds; the fields after
// Sharing are empty when forbidden.
type HistoryPolicy struct {
	Sharing       Optionality
	Roles         []RoleIndex
	Automatically bool
	MaxPeriod     uint32
}

func (p *HistoryPolicy) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Sharing))
	if p.Sharing == Forbidden {
		return
	}
	writeIntegers(w, p.Roles, 4)
	w.Bool(p.Automatically)
	w.U32(p.MaxPeriod)
}

func (p *HistoryPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = HistoryPolicy{}
	p.Sharing = readOptionality(r, "HistoryPolicy.history_sharing")
	if p.Sharing == Forbidden {
		return
	}
	p.Roles = readIntegers[RoleIndex](r, "HistoryPolicy.roles_that_can_share", 4, MaxRoles)
	for _, role := range p.Roles {
		if role == RoleNone || role == RoleBanned {
			r.Fail("roles 0 and 1 cannot share history")
		}
	}
	p.Automatically = r.At("HistoryPolicy.automatically_share").Bool()
	p.MaxPeriod = r.At("HistoryPolicy.max_time_period").U32()
}

// Bot is one bot that a room allows (§7.7).
type Bot struct {
	Name, Description, Homepage string
	LocalClient                 bool
	Role                        RoleIndex
	CanTarget                   bool
	PerUserContent              bool
}

// User is the participant that a bot is, where its homepage is the URI of a user. The draft leaves open which participant a bot is.
func (b *Bot) User() (URI, bool) {
	u, err := ParseURI(b.Homepage)
	if err != nil || u.Kind() != KindUser {
		return URI{}, false
	}
	return u, true
}

// BotPolicy is the data and the update of ComponentBotPolicy.
type BotPolicy struct{ Allowed []Bot }

func (p *BotPolicy) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, bot := range p.Allowed {
			w.OpaqueString(bot.Name)
			w.OpaqueString(bot.Description)
			w.OpaqueString(bot.Homepage)
			w.Bool(bot.LocalClient)
			w.U32(uint32(bot.Role))
			w.Bool(bot.CanTarget)
			w.Bool(bot.PerUserContent)
		}
	})
}

func (p *BotPolicy) UnmarshalTLS(r *wire.Reader) {
	*p = BotPolicy{}
	p.Allowed = readList(r, "BotPolicy.allowed_bots", MaxPolicyEntries, func(r *wire.Reader, bot *Bot) {
		bot.Name = readText(r, "Bot.name", MaxMetadataText)
		bot.Description = readText(r, "Bot.description", MaxMetadataText)
		bot.Homepage = readText(r, "Bot.homepage", MaxURI)
		bot.LocalClient = r.At("Bot.local_client_bot").Bool()
		bot.Role = RoleIndex(r.At("Bot.bot_role_index").U32())
		if bot.LocalClient && bot.Role != RoleNone {
			r.Fail("a local client bot has role 0")
		}
		bot.CanTarget = r.At("Bot.can_target_message_in_group").Bool()
		bot.PerUserContent = r.At("Bot.per_user_content").Bool()
	})
}

// MessageExpiration is the data and the update of ComponentMessageExpiration (§7.8), in seconds. The fields after Expiring are
// empty when forbidden.
type MessageExpiration struct {
	Expiring Optionality
	Min, Max uint32
	Default  Maximum // Limited: N is the default
}

func (p *MessageExpiration) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Expiring))
	if p.Expiring == Forbidden {
		return
	}
	w.U32(p.Min)
	w.U32(p.Max)
	p.Default.write(w)
}

func (p *MessageExpiration) UnmarshalTLS(r *wire.Reader) {
	*p = MessageExpiration{}
	p.Expiring = readOptionality(r, "MessageExpiration.expiring_messages")
	if p.Expiring == Forbidden {
		return
	}
	p.Min = r.At("MessageExpiration.min_expiration_duration").U32()
	p.Max = r.At("MessageExpiration.max_expiration_duration").U32()
	if p.Min > p.Max {
		r.Fail("shortest duration exceeds the longest")
	}
	p.Default.read(r.At("MessageExpiration.default_expiration_duration"))
}
