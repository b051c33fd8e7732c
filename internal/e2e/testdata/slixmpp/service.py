"""What operators and members do with the service as a whole, and a ghost. Juliet is an operator; the gateway pings the silent."""
from scene import operation
from user import presence, reason, refused, same

OPERATIONS = {}
op = operation(OPERATIONS)
COMMANDS = "http://jabber.org/protocol/commands"
RAI = "urn:xmpp:rai:0"


async def command(user, service, node, **fields):
    """An ad-hoc command with its one form, from the first step to the last; returns what it says in the end."""
    node = f"urn:anteroom:service#{node}"
    first = await user.ask("set", service, f"<command xmlns='{COMMANDS}' node='{node}' action='execute'/>")
    if not fields:
        return first
    same("the first step", first.get("status"), "executing")
    form = "".join(f"<field var='{k}'><value>{v}</value></field>" for k, v in fields.items())
    last = await user.ask("set", service, f"<command xmlns='{COMMANDS}' node='{node}' sessionid='{first.get('sessionid')}' action='complete'>"
                          f"<x xmlns='jabber:x:data' type='submit'>{form}</x></command>")
    same("the last step", last.get("status"), "completed")
    return last


def text(element):
    return " ".join(element.itertext())


@op
async def domain_ban(s):
    """XEP-0045 §9.2: a domain in the ban list keeps out its users, but for those who have an affiliation."""
    room = await s.room("domain-ban", "romeo", "nurse")
    domain = s.romeo.boundjid.domain
    await s.juliet.muc.set_affiliation(room, "member", jid=s.nurse.bare)
    await s.juliet.muc.set_affiliation(room, "outcast", jid=domain, reason="a feud")
    for seen in await s.see("the ban", presence(room, "romeo", "301", kind="unavailable", affiliation="outcast", role="none"), s.romeo, s.juliet, s.nurse):
        same("reason", reason(seen), "a feud")
    same("the ban list", await s.juliet.list(room, affiliation="outcast"), [("outcast", domain, "a feud")])
    await refused("entering", "forbidden", s.romeo.enter(room, "romeo"))
    (came,) = await s.pause(room, s.nurse)
    assert not any(presence(room, "nurse", kind="unavailable")(st) for st in came), came
    await s.juliet.muc.set_affiliation(room, "none", jid=domain)
    same("the list in the end", await s.juliet.list(room, affiliation="outcast"), [])
    await s.romeo.enter(room, "romeo")


@op
async def service_ban(s):
    """An operator bans somebody from all rooms, who is out of each of them and back when the ban is lifted."""
    rooms = [await s.room(f"service-ban-{n}", "romeo") for n in (1, 2)]
    await refused("by somebody else", "forbidden", command(s.nurse, s.service, "bans"))
    await refused("an operator", "bad-request", command(s.juliet, s.service, "ban", who=s.juliet.bare))
    assert f"{s.romeo.bare} is banned" in text(await command(s.juliet, s.service, "ban", who=s.romeo.bare, reason="a duel"))
    for room in rooms:
        for seen in await s.see("the ban", presence(room, "romeo", "301", kind="unavailable", affiliation="outcast", role="none"), s.romeo, s.juliet):
            same("reason", reason(seen), "a duel")
    listed = text(await command(s.juliet, s.service, "bans"))
    assert s.romeo.bare in listed and "a duel" in listed, listed
    for room in (*rooms, s.name("service-ban-new")):
        error = await refused("entering", "forbidden", s.romeo.enter(room, "romeo"))
        same("why", error.text, "you are banned from this service: a duel")
    assert "not banned any more" in text(await command(s.juliet, s.service, "unban", who=s.romeo.bare))
    for room in rooms:
        await s.romeo.enter(room, "romeo")


@op
async def activity(s):
    """XEP-0437: a member hears once that something was said in a room that it has not entered; a guest does not."""
    room = await s.room("activity", "romeo")
    await s.juliet.muc.set_affiliation(room, "member", jid=s.nurse.bare)
    for user in (s.nurse, s.tybalt):
        user.push(f"<presence xmlns='jabber:client' to='{s.service}'><rai xmlns='{RAI}'/></presence>")
    features = (await s.nurse["xep_0030"].get_info(jid=s.service))["disco_info"]["features"]  # answered after the presence before it
    assert RAI in features, features

    def indicator(st):
        return st.name == "message" and st["from"] == s.service and room in [a.text for a in st.xml.iter(f"{{{RAI}}}activity")]
    s.romeo.say(room, "But soft")
    s.romeo.say(room, "It is the east")
    await s.nurse.until("the indicator", indicator)
    await s.nurse.enter(room, "nurse")
    s.nurse.push(f"<presence xmlns='jabber:client' to='{room}/nurse' type='unavailable'/>")
    await s.romeo.until("the nurse leaves", presence(room, "nurse", kind="unavailable"))
    assert not any(indicator(st) for st in s.nurse.seen), s.nurse.seen
    s.romeo.say(room, "Arise, fair sun")
    await s.nurse.until("the next indicator", indicator)
    assert not any(indicator(st) for st in s.tybalt.seen), s.tybalt.seen


@op
async def ghost_enters(s):
    s.kept["ghost"] = await s.room("ghost", "romeo")


@op
async def ghost_goes(s):
    """Romeo's device ends while the server cannot tell the gateway."""
    await s.romeo.disconnect()


@op
async def ghost_is_found(s):
    """XEP-0045 §6.5, XEP-0199: nobody says anything, and yet he is found to be gone."""
    room = s.kept["ghost"]
    await s.juliet.until("that he is gone", presence(room, "romeo", "333", kind="unavailable"))
