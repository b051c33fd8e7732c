// Package mucmap is the room core: XEP-0045 words in, policy changes and MUC stanzas out.
//
// A [Room] changes only in [Room.Step], which decides events, applies them and renders the stanzas that follow from them. The
// public room is the fold of its events; the MLS group beside it is stored as secrets that are replaced. [Service.Restore]
// folds the same events with the same code.
//
// Specifications: XEP-0045 1.35.5 with those around it that the files below name; roles and capabilities of rooms by
// draft-ietf-mimi-room-policy-04; messages of other providers by draft-ietf-mimi-protocol-06 through packages hub and follower; content by
// draft-ietf-mimi-content through package content.
//
// Not implemented: configuring, moderating messages of, and commands in rooms of other providers, which is refused as not-allowed. References
// to messages older than the newest [MaxRecords] travel between XMPP and MIMI as readable text.
//
// The package is pure: no clock, no randomness, no goroutine. A Service is safe for concurrent use, a Room is not.
//
// # Files
//
// One file per feature, with its state, its events, its fields of the configuration form and its checks. Begin with room.go, turn.go and route.go;
// docs/ARCHITECTURE.md follows one stanza through the files. A test holds that every file is named below, once.
//
// A Step:
//   - room.go is what a Room holds and how a Step runs; turn.go one Step under way; io.go what goes in and comes out;
//     service.go how rooms are made and restored
//   - route.go says which stanza goes to which function
//   - state.go is the public room; events.go names the events; committed.go applies what a commit did to members and occupants
//   - broadcasts.go collects the stanzas that a Step sends
//   - limits.go bounds what a room holds, flood.go how fast it is filled
//
// From a wish to an accepted commit:
//   - commit.go plans wishes and builds their commit; askas.go first gives who acts a leaf; accept.go takes what the hub accepted
//   - roles.go maps the room's roles to affiliations and roles, and back
//   - leaf.go makes our users' leaves, credential.go their credentials, hubcredential.go that of the hub; pseudonym.go hides who they are;
//     address.go maps addresses to MIMI URIs
//   - reinit.go gives the group another cipher suite, reinitorder.go takes the wish for it
//   - renew.go renews keys, renewplan.go says when, updatetimes.go bounds that by the room's policy
//
// Being in a room (XEP-0045 §7):
//   - join.go enters, leave.go leaves and removes absent guests; ghost.go finds devices that are gone (XEP-0199); shutdown.go sends everybody out
//   - nick.go changes and checks nicks; register.go reserves them and registers members; voicerequest.go asks for voice
//   - message.go says something to everybody, private.go to one; subject.go changes the subject; chatstate.go passes on what does not last (XEP-0085)
//   - invite.go invites; history.go tells newcomers what was said
//   - relay.go passes requests on to occupants; ping.go answers pings, clock and version (XEP-0410, XEP-0199, XEP-0202, XEP-0092)
//   - presencebroadcast.go says whose presence is shown, absentmembers.go shows members who are not there
//   - occupantid.go names occupants for good (XEP-0421), hats.go says what is special about them (XEP-0317)
//
// Who may enter:
//   - lock.go closes a room until it is configured, closed.go to newcomers; password.go takes a password
//   - knock.go lets users knock; preauth.go names who need not
//   - joinlink.go makes and redeems join links, joinlinkcommands.go has their commands
//   - bots.go lets bots in, with roles of their own, botcommands.go has the commands for it
//   - maxclients.go bounds the clients of a room
//   - slowmode.go lets everybody wait between messages (XEP-0500)
//
// Moderators, admins and owners (XEP-0045 §8 to §10):
//   - admin.go reads muc#admin, adminlist.go pages its lists (XEP-0059); affiliation.go, kick.go, ban.go and voice.go plan what an item asks for
//   - domainban.go bans domains from a room, serviceban.go users and domains from all rooms
//   - affiliationversion.go tells what changed since a version (XEP-0463)
//   - create.go makes a room, document.go from the seed's document, early.go lets requests wait for that; config.go is the configuration,
//     options.go the fields that are the gateway's alone, logging.go keeps field and policy of logging together
//   - destroy.go ends a room, tombstone.go keeps its name, venue.go says where people go instead, in the addresses of each provider;
//     move.go describes a room to the provider that is to have it
//
// Messages and the archive:
//   - archive.go asks the archive, mam.go answers clients out of it (XEP-0313); historypolicy.go withholds what was said before
//   - refs.go maps references between XMPP and MIMI; retract.go retracts and moderates (XEP-0424, XEP-0425); expire.go ends messages in time (XEP-0466)
//   - frank.go proves messages, report.go reports them (XEP-0377) and reportcommand.go does by a command; contentpolicy.go refuses files and receipts that the room's policy forbids
//
// What a room tells of itself:
//   - disco.go describes it, roominfo.go by further fields, caps.go by a hash (XEP-0115), items.go in pages; avatar.go is its vCard (XEP-0054, XEP-0486)
//   - activity.go counts messages (XEP-0502), indicator.go tells members of them (XEP-0437); bookmark.go keeps their bookmarks (XEP-0402, XEP-0356)
//   - describe.go is the room for operators, userstate.go how far each user belongs to it; explain.go says what would come of an act
//
// Ad-hoc commands (XEP-0050):
//   - command.go runs those of rooms, roomcommands.go has them
//   - servicecommand.go runs those of the service: operatorcommands.go has the operators', personcommands.go every user's
//   - order.go carries out what operators want of a room
//
// The service:
//   - atservice.go answers what comes to the bare domain; last.go says since when it runs (XEP-0012), contact.go whom to ask (XEP-0157)
//   - search.go searches rooms (XEP-0433), usersearch.go users of other providers (XEP-0055); seek.go asks their providers, found.go answers them
//
// What is kept of one user:
//   - person.go is its consent to be added, persontext.go lets it decide by messages, fewkeys.go counts what it gives without being asked
//
// Users of other providers in rooms of ours:
//   - mimi.go answers their requests and shows their messages
//   - inviteremote.go adds them, keysearch.go asks for their key packages, await.go for their consent; addagreed.go adds who agrees
//   - systems.go lets their systems take clients out
//   - hostkeys.go gives them key packages of ours, relayed.go learns of those that third providers gave
//   - direct.go is the room of two in which a user of ours and one elsewhere write to each other, handover.go brings what waits there to the other room of the two
//
// Our users in rooms of other providers:
//   - follow.go follows the hub; followstate.go translates what it accepts into events, followrole.go roles; followresync.go catches up,
//     followreinit.go goes on in the group that follows one that ended
//   - followuse.go enters, speaks and administrates there, followconfig.go lets owners name it, followask.go invites, followknock.go knocks
//   - followconsent.go asks our users whether they want to be added, followkeys.go gives their key packages
package mucmap
