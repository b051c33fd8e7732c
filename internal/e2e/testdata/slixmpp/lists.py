"""XEP-0045 §9 and §10.3 to §10.8: affiliations. Every change is followed by a look at every list: affiliation, address, reason, order."""
from scene import operation
from user import actor, codes, item, presence, reason, refused, same

OPERATIONS = {}
op = operation(OPERATIONS)
AFFILIATIONS = ("owner", "admin", "member", "outcast")


async def holds(s, what, room, **want):
    """All four lists, as Juliet reads them. want maps an affiliation to addresses, or pairs of address and reason, in order."""
    want.setdefault("owner", [s.juliet.bare])
    for affiliation in AFFILIATIONS:
        expected = [(affiliation, *(w if isinstance(w, tuple) else (w, ""))) for w in want.get(affiliation, [])]
        same(f"{what}: list {affiliation}", await s.juliet.list(room, affiliation=affiliation), expected)


def told(room, affiliation):
    """Somebody who is not present hears of another affiliation: 101."""
    return lambda st: st.name == "message" and st["from"] == room and "101" in codes(st) and item(st).get("affiliation") == affiliation


@op
async def ban(s):
    room = await s.room("ban", "romeo", "nurse")
    await refused("by a guest", "forbidden", s.romeo.muc.set_affiliation(room, "outcast", jid=s.nurse.bare))
    await refused("oneself", "conflict", s.juliet.muc.set_affiliation(room, "outcast", jid=s.juliet.bare))
    await holds(s, "before", room)
    await s.juliet.muc.set_affiliation(room, "outcast", jid=s.romeo.bare, reason="treason")
    own, *others = await s.see("the ban", presence(room, "romeo", "301", kind="unavailable", affiliation="outcast", role="none"),
                               s.romeo, s.juliet, s.nurse)
    assert "110" in codes(own) and not any("110" in codes(o) for o in others), own
    for seen in (own, *others):
        same("reason and actor", (reason(seen), actor(seen)), ("treason", "juliet"))
    await holds(s, "after it", room, outcast=[(s.romeo.bare, "treason")])
    await refused("entering", "forbidden", s.romeo.enter(room, "romeo"))
    await s.juliet.muc.set_affiliation(room, "admin", jid=s.nurse.bare)
    await refused("an owner by an admin", "not-allowed", s.nurse.muc.set_affiliation(room, "outcast", jid=s.juliet.bare))
    await holds(s, "in the end", room, outcast=[(s.romeo.bare, "treason")], admin=[s.nurse.bare])


@op
async def ban_list(s):
    room = await s.room("ban-list", "romeo")
    absent = [f"{who}@{s.romeo.boundjid.domain}" for who in ("zephyr", "absalom", "mercutio")]
    for i, jid in enumerate(absent):
        await s.juliet.muc.set_affiliation(room, "outcast", jid=jid, reason=f"reason {i} <&>")
    in_order = sorted((jid, f"reason {i} <&>") for i, jid in enumerate(absent))
    await holds(s, "absent users", room, outcast=in_order)
    await s.juliet.muc.set_affiliation(room, "outcast", jid=absent[0], reason="another reason")
    in_order[-1] = (absent[0], "another reason")
    await holds(s, "another reason", room, outcast=in_order)
    await s.juliet.muc.set_affiliation(room, "outcast", jid=s.romeo.bare)
    await s.romeo.until("the ban", presence(room, "romeo", "301", kind="unavailable"))
    await holds(s, "without a reason", room, outcast=sorted(in_order + [(s.romeo.bare, "")]))
    await s.juliet.muc.send_affiliation_list(room, [(absent[1], "none"), (s.romeo.bare, "member")])
    await holds(s, "two lifted in one", room, outcast=[in_order[1], in_order[2]], member=[s.romeo.bare])
    await refused("a list with oneself", "conflict", s.juliet.muc.send_affiliation_list(room, [(absent[2], "none"), (s.juliet.bare, "outcast")]))
    await holds(s, "nothing of a bad list is done", room, outcast=[in_order[1], in_order[2]], member=[s.romeo.bare])
    await s.enter(room, "romeo")
    await refused("the list for a member", "forbidden", s.romeo.list(room, affiliation="outcast"))
    await s.juliet.muc.set_affiliation(room, "none", jid=absent[0])
    await s.juliet.muc.set_affiliation(room, "none", jid=absent[2])
    await holds(s, "empty", room, member=[s.romeo.bare])


@op
async def membership(s):
    room = await s.room("membership", "romeo", "nurse")
    await s.juliet.muc.set_affiliation(room, "member", jid=s.romeo.bare, reason="one of us")
    for seen in await s.see("a member", presence(room, "romeo", affiliation="member", role="participant"), s.romeo, s.juliet, s.nurse):
        same("reason", reason(seen), "one of us")
    await holds(s, "after it", room, member=[s.romeo.bare])
    await s.juliet.muc.set_affiliation(room, "none", jid=s.romeo.bare)
    await s.see("a member no more", presence(room, "romeo", affiliation="none", role="participant"), s.romeo, s.juliet, s.nurse)
    await holds(s, "revoked", room)
    await s.juliet.muc.set_affiliation(room, "member", nick="nurse")
    await s.see("by nick", presence(room, "nurse", affiliation="member"), s.romeo, s.juliet, s.nurse)
    await s.juliet.muc.set_affiliation(room, "member", jid=s.tybalt.bare)
    await s.tybalt.until("told in his absence", told(room, "member"))
    await holds(s, "absent", room, member=sorted([s.nurse.bare, s.tybalt.bare]))
    await s.juliet.configure(room, **{"muc#roomconfig_membersonly": True})
    own, *_ = await s.see("322: not a member", presence(room, "romeo", "322", kind="unavailable"), s.romeo, s.juliet, s.nurse)
    assert "110" in codes(own), own
    await s.juliet.muc.set_affiliation(room, "none", jid=s.nurse.bare)
    own, *_ = await s.see("321: a member no more", presence(room, "nurse", "321", kind="unavailable"), s.nurse, s.juliet)
    assert "110" in codes(own), own
    await holds(s, "in the end", room, member=[s.tybalt.bare])


@op
async def member_list(s):
    room = await s.room("member-list", "romeo", "nurse")
    await refused("for a guest", "forbidden", s.nurse.list(room, affiliation="member"))
    await s.juliet.muc.send_affiliation_list(room, [(s.romeo.bare, "member"), (s.tybalt.bare, "member")])
    await holds(s, "two", room, member=sorted([s.romeo.bare, s.tybalt.bare]))
    await s.juliet.muc.send_affiliation_list(room, [(s.romeo.bare, "none"), (s.nurse.bare, "member")])
    for who, affiliation in (("romeo", "none"), ("nurse", "member")):
        for user in (s.romeo, s.juliet, s.nurse):
            await user.until(f"{who} is {affiliation}", presence(room, who, affiliation=affiliation), keep=True)
    await holds(s, "changed", room, member=sorted([s.nurse.bare, s.tybalt.bare]))
    await s.juliet.configure(room, **{"muc#roomconfig_membersonly": True})
    await refused("for a member, since it names people", "forbidden", s.nurse.list(room, affiliation="member"))
    await s.juliet.configure(room, **{"muc#roomconfig_whois": "anyone"})
    same("a member reads it in a members-only room that names them anyway", await s.nurse.list(room, affiliation="member"),
         [("member", jid, "") for jid in sorted([s.nurse.bare, s.tybalt.bare])])


async def raised(s, name, affiliation, role):
    room = await s.room(name, "romeo", "nurse")
    await refused("by a guest", "forbidden", s.romeo.muc.set_affiliation(room, affiliation, jid=s.romeo.bare))
    await s.juliet.muc.set_affiliation(room, affiliation, jid=s.romeo.bare, reason="rise")
    for seen in await s.see("up", presence(room, "romeo", affiliation=affiliation, role=role), s.romeo, s.juliet, s.nurse):
        same("reason", reason(seen), "rise")
    return room


@op
async def admin(s):
    room = await raised(s, "admin", "admin", "moderator")
    await holds(s, "up", room, admin=[s.romeo.bare])
    await s.romeo.muc.set_affiliation(room, "member", jid=s.nurse.bare)
    await s.see("the admin acts", presence(room, "nurse", affiliation="member"), s.romeo, s.juliet, s.nurse)
    await refused("an admin by an admin", "forbidden", s.romeo.muc.set_affiliation(room, "admin", jid=s.nurse.bare))
    await s.juliet.muc.set_affiliation(room, "member", jid=s.romeo.bare)
    await s.see("down", presence(room, "romeo", affiliation="member", role="participant"), s.romeo, s.juliet, s.nurse)
    await holds(s, "down", room, member=sorted([s.nurse.bare, s.romeo.bare]))


@op
async def admin_list(s):
    room = await s.room("admin-list", "romeo")
    await s.juliet.muc.send_affiliation_list(room, [(s.romeo.bare, "admin"), (s.tybalt.bare, "admin")])
    await s.see("up", presence(room, "romeo", affiliation="admin", role="moderator"), s.romeo, s.juliet)
    await s.tybalt.until("told in his absence", told(room, "admin"))
    await holds(s, "two", room, admin=sorted([s.romeo.bare, s.tybalt.bare]))
    await refused("changed by an admin", "forbidden", s.romeo.muc.send_affiliation_list(room, [(s.tybalt.bare, "none")]))
    await s.juliet.muc.send_affiliation_list(room, [(s.romeo.bare, "none"), (s.nurse.bare, "admin")])
    await holds(s, "changed", room, admin=sorted([s.nurse.bare, s.tybalt.bare]))


@op
async def owner(s):
    room = await raised(s, "owner", "owner", "moderator")
    await holds(s, "up", room, owner=sorted([s.juliet.bare, s.romeo.bare]))
    await s.romeo.configure(room, **{"muc#roomconfig_roomname": "ours"})
    await s.juliet.muc.set_affiliation(room, "admin", jid=s.romeo.bare)
    await s.see("down", presence(room, "romeo", affiliation="admin", role="moderator"), s.romeo, s.juliet, s.nurse)
    await refused("the form for who is no owner any more", "forbidden", s.romeo.muc.get_room_config(room))
    await refused("the last owner", "conflict", s.juliet.muc.set_affiliation(room, "admin", jid=s.juliet.bare))
    await holds(s, "in the end", room, admin=[s.romeo.bare])


@op
async def owner_list(s):
    room = await s.room("owner-list", "romeo")
    await s.juliet.muc.send_affiliation_list(room, [(s.romeo.bare, "owner"), (s.tybalt.bare, "owner")])
    await holds(s, "three", room, owner=sorted([s.juliet.bare, s.romeo.bare, s.tybalt.bare]))
    await refused("all owners away", "conflict", s.juliet.muc.send_affiliation_list(
        room, [(s.romeo.bare, "none"), (s.tybalt.bare, "none"), (s.juliet.bare, "none")]))
    await holds(s, "nothing of it was done", room, owner=sorted([s.juliet.bare, s.romeo.bare, s.tybalt.bare]))
    await s.juliet.muc.send_affiliation_list(room, [(s.romeo.bare, "none"), (s.tybalt.bare, "member")])
    await s.see("down", presence(room, "romeo", affiliation="none", role="participant"), s.romeo, s.juliet)
    await holds(s, "in the end", room, member=[s.tybalt.bare])


@op
async def lists_before_restart(s):
    room = await s.room("restart", "romeo", "nurse", persistentroom=True)
    domain = s.romeo.boundjid.domain
    for jid, affiliation, why in ((f"zephyr@{domain}", "outcast", "last <&>"), (f"absalom@{domain}", "outcast", "first"),
                                  (f"mercutio@{domain}", "member", ""), (s.romeo.bare, "admin", ""), (s.tybalt.bare, "outcast", "")):
        await s.juliet.muc.set_affiliation(room, affiliation, jid=jid, reason=why)
    await s.see("an admin", presence(room, "romeo", affiliation="admin"), s.juliet, s.romeo, s.nurse)
    s.kept["restart"] = dict(outcast=sorted([(f"absalom@{domain}", "first"), (f"zephyr@{domain}", "last <&>"), (s.tybalt.bare, "")]),
                             member=[f"mercutio@{domain}"], admin=[s.romeo.bare])
    await holds(s, "before", room, **s.kept["restart"])


@op
async def lists_after_restart(s):
    room, want = s.name("restart"), s.kept["restart"]
    await holds(s, "after", room, **want)
    await refused("still banned", "forbidden", s.tybalt.enter(room, "tybalt"))
    # Nobody has joined again: everybody is where they were.
    s.nurse.say(room, "still here")
    await s.see("a message", lambda st: st.name == "message" and st["body"] == "still here", s.juliet, s.romeo, s.nurse)
    await s.romeo.muc.set_affiliation(room, "none", jid=s.tybalt.bare)
    want["outcast"] = [w for w in want["outcast"] if w[0] != s.tybalt.bare]
    await holds(s, "changed", room, **want)
    await s.enter(room, "tybalt")
