"""XEP-0045 §7: what everybody may do."""
import asyncio
import datetime

from scene import operation
from slixmpp.exceptions import PresenceError
from user import CLIENT, MUC, codes, from_room, item, presence, reason, refusal, refused, said, same

OPERATIONS = {}
op = operation(OPERATIONS)


@op
async def enter(s):
    room = await s.room("enter", "romeo")
    log = []
    s.nurse.seen.clear()
    s.nurse.push(f"<presence xmlns='jabber:client' to='{room}/nurse'><x xmlns='{MUC}'/></presence>")
    while not log or log[-1].name != "message":
        log.append(await s.nurse.until("a step of the join", lambda st: st["from"].bare == room))
    own = log.pop(0)
    assert own["from"] == room and own.xml.find("{http://jabber.org/protocol/caps}c") is not None, f"the room's own presence: {own}"
    same("order of the join", [str(st["from"].resource) for st in log[:3]], ["juliet", "romeo", "nurse"])
    assert "110" in codes(log[2]) and "110" not in codes(log[0]) | codes(log[1]), log
    same("the roles", [(item(st).get("affiliation"), item(st).get("role")) for st in log[:3]],
         [("owner", "moderator"), ("none", "participant"), ("none", "participant")])
    same("the last step", (len(log), log[-1].xml.find(f"{CLIENT}subject") is not None), (4, True))
    await s.see("the nurse enters", presence(room, "nurse", affiliation="none", role="participant"), s.juliet, s.romeo)


@op
async def enter_again(s):
    room = await s.room("enter-again", "romeo")
    own, _, occupants, _ = await s.romeo.enter(room, "romeo")
    assert presence(room, "romeo", "110")(own), own
    await s.enter(room, "nurse")


@op
async def enter_password(s):
    room = await s.room("password", passwordprotectedroom=True, roomsecret="cauldron")
    await refused("no password", "not-authorized", s.romeo.enter(room, "romeo"))
    await refused("a wrong password", "not-authorized", s.romeo.enter(room, "romeo", password="kettle"))
    await s.enter(room, "romeo", password="cauldron")
    info = await s.nurse["xep_0030"].get_info(jid=room)
    assert "muc_passwordprotected" in info["disco_info"]["features"], info


@op
async def enter_nick_conflict(s):
    room = await s.room("conflict", "romeo")
    await refused("somebody's nick", "conflict", s.nurse.enter(room, "romeo"))
    await s.enter(room, "nurse")
    [came] = await s.pause(room, s.romeo)
    same("what Romeo saw of it", [str(st["from"]) for st in came], [])


@op
async def enter_without_nick(s):
    room = await s.room("no-nick")
    s.romeo.push(f"<presence xmlns='jabber:client' to='{room}'><x xmlns='{MUC}'/></presence>")
    await s.romeo.until("the refusal", refusal("presence", "jid-malformed"))


@op
async def enter_members_only(s):
    room = await s.room("members", membersonly=True)
    await refused("a guest", "registration-required", s.romeo.enter(room, "romeo"))
    await s.juliet.muc.set_affiliation(room, "member", jid=s.romeo.bare)
    own, *_ = await s.enter(room, "romeo")
    assert presence(room, "romeo", "110", affiliation="member")(own), own


@op
async def enter_banned(s):
    room = await s.room("banned")
    await s.juliet.muc.set_affiliation(room, "outcast", jid=s.romeo.bare)
    await refused("somebody banned", "forbidden", s.romeo.enter(room, "romeo"))
    [came] = await s.pause(room, s.juliet)
    same("what Juliet saw of it", [str(st) for st in came if st.name == "presence"], [])


@op
async def enter_full(s):
    room = await s.room("full", "romeo", maxusers="2")
    await refused("a third", "service-unavailable", s.nurse.enter(room, "nurse"))
    await s.juliet.muc.set_affiliation(room, "admin", jid=s.tybalt.bare)
    await s.enter(room, "tybalt")


@op
async def enter_history(s):
    room = await s.room("history")
    for i in range(5):
        s.juliet.say(room, f"line {i}")
    await s.pause(room, s.juliet)

    async def history(**options):
        *_, told = await s.romeo.enter(room, "romeo", **options)
        s.romeo.muc.leave_muc(room, "romeo")
        await s.romeo.until("the farewell", presence(room, "romeo", "110", kind="unavailable"))
        for m in told:
            assert m["from"].full == f"{room}/juliet" and str(m["delay"]["from"]) == room, str(m)
        return [m["body"] for m in told if m["body"].startswith("line")]
    everything = [f"line {i}" for i in range(5)]
    same("all of it", await history(), everything)
    same("three", await history(maxstanzas=3), everything[3:])
    same("none by number", await history(maxstanzas=0), [])
    same("none by length", await history(maxchars=0), [])
    same("an hour", await history(seconds=3600), everything)
    ago = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    same("since an hour ago", await history(since=ago), everything)
    same("since tomorrow", await history(since=ago + datetime.timedelta(days=1)), [])


@op
async def enter_anonymity(s):
    room = await s.room("anonymity", "romeo")
    own, _, occupants, _ = await s.enter(room, "nurse")
    assert "100" not in codes(own), own
    same("addresses that a guest sees", {str(p["from"].resource): item(p).get("jid") for p in occupants if p["from"].resource != "nurse"},
         {"juliet": None, "romeo": None})
    await s.juliet.configure(room, **{"muc#roomconfig_whois": "anyone"})
    await s.see("172", lambda st: "172" in codes(st), s.juliet, s.romeo, s.nurse)
    own, _, occupants, _ = await s.enter(room, "tybalt")
    assert "100" in codes(own), own
    jids = {str(p["from"].resource): item(p).get("jid") for p in occupants}
    same("addresses that everybody sees", jids["juliet"], s.juliet.boundjid.full)
    await s.juliet.configure(room, **{"muc#roomconfig_whois": "moderators"})
    await s.see("173", lambda st: "173" in codes(st), s.juliet, s.romeo, s.nurse, s.tybalt)


@op
async def enter_two_devices(s):
    room = await s.room("devices", "romeo")
    phone = await s.another("romeo", "phone")
    own, *_ = await phone.enter(room, "romeo")
    assert presence(room, "romeo", "110")(own), own
    s.juliet.say(room, "to both")
    await s.see("a message on both devices", said(room, "juliet", "to both"), s.romeo, phone)
    phone.muc.leave_muc(room, "romeo")
    await phone.until("the farewell of one device", presence(room, "romeo", kind="unavailable"))
    [came] = await s.pause(room, s.juliet)
    assert not any(presence(room, "romeo", kind="unavailable")(st) for st in came), [str(st) for st in came]
    await phone.disconnect()


@op
async def nick(s):
    room = await s.room("nick", "romeo", "nurse")
    s.romeo.push(f"<presence xmlns='jabber:client' to='{room}/montague'/>")
    await s.see("the old nick goes", presence(room, "romeo", "303", kind="unavailable", nick="montague"), s.juliet, s.nurse, s.romeo)
    await s.see("the new nick comes", presence(room, "montague", affiliation="none", role="participant"), s.juliet, s.nurse)
    await s.romeo.until("the own new nick", presence(room, "montague", "110"))
    s.romeo.push(f"<presence xmlns='jabber:client' to='{room}/nurse'/>")
    await s.romeo.until("a nick in use", refusal("presence", "conflict"))
    s.romeo.say(room, "still montague")
    await s.see("the new name speaks", said(room, "montague", "still montague"), s.juliet, s.nurse)


@op
async def availability(s):
    room = await s.room("availability", "romeo", "nurse")
    s.romeo.send_presence(pto=f"{room}/romeo", pshow="xa", pstatus="gone where he is most remembered")
    seen = await s.see("the status", lambda st: presence(room, "romeo")(st) and st["show"] == "xa", s.juliet, s.nurse, s.romeo)
    same("its text", {st["status"] for st in seen}, {"gone where he is most remembered"})


@op
async def invite(s):
    room = await s.room("invite", "romeo", passwordprotectedroom=False)
    s.romeo.muc.invite(room, s.tybalt.bare, reason="come in")
    got = await s.tybalt.until("an invitation", from_room(room, "{http://jabber.org/protocol/muc#user}invite"))
    same("who invites", got["muc"]["invite"]["from"].full, f"{room}/romeo")
    same("why", got["muc"]["invite"]["reason"], "come in")
    s.romeo.muc.invite(room, f"nobody@{s.romeo.boundjid.domain}")
    await s.romeo.until("an invitation that cannot arrive", refusal("message", "item-not-found"))


@op
async def invite_members_only(s):
    room = await s.room("invite-members", membersonly=True)
    s.juliet.muc.invite(room, s.romeo.bare)
    await s.romeo.until("an invitation", from_room(room, "{http://jabber.org/protocol/muc#user}invite"))
    same("the member list", await s.juliet.list(room, affiliation="member"), [("member", s.romeo.bare, "")])
    await s.enter(room, "romeo")
    s.romeo.muc.invite(room, s.nurse.bare)
    await s.romeo.until("an invitation by a plain member", refusal("message", "forbidden"))


@op
async def invite_decline(s):
    room = await s.room("decline", "romeo")
    s.romeo.muc.invite(room, s.tybalt.bare)
    got = await s.tybalt.until("an invitation", from_room(room, "{http://jabber.org/protocol/muc#user}invite"))
    s.tybalt.muc.decline(room, got["muc"]["invite"]["from"], reason="as I hate hell")
    answer = await s.romeo.until("the refusal", from_room(room, "{http://jabber.org/protocol/muc#user}decline"))
    same("who declines", str(answer["muc"]["decline"]["from"].bare), s.tybalt.bare)
    same("why", answer["muc"]["decline"]["reason"], "as I hate hell")


@op
async def invite_direct(s):
    room = await s.room("direct", passwordprotectedroom=True, roomsecret="cauldron")
    s.juliet["xep_0249"].send_invitation(s.romeo.bare, room, password="cauldron", reason="come in")
    got = await s.romeo.until("a direct invitation", lambda st: st.name == "message" and st["groupchat_invite"]["jid"] == room)
    await s.enter(room, "romeo", password=got["groupchat_invite"]["password"])


@op
async def groupchat(s):
    room = await s.room("groupchat", "romeo", "nurse")
    s.romeo.push(f"<message xmlns='jabber:client' to='{room}' type='groupchat' id='g1'><body>But soft &lt;&amp;&gt; 🌹</body></message>")
    got = await s.see("the message", said(room, "romeo", "But soft <&> 🌹"), s.juliet, s.nurse, s.romeo)
    same("its id", {m["id"] for m in got}, {"g1"})
    ids = {m.xml.find("{urn:xmpp:sid:0}stanza-id").get("id") for m in got}
    same("one stanza id for all", len(ids), 1)
    s.tybalt.say(room, "from outside")
    await s.tybalt.until("the refusal of who is not in the room", refusal("message", "not-acceptable"))


@op
async def private_message(s):
    room = await s.room("private", "romeo", "nurse")
    s.romeo.send_message(mto=f"{room}/juliet", mbody="psst", mtype="chat")
    got = await s.juliet.until("a private message", lambda st: st.name == "message" and st["body"] == "psst")
    same("its sender and type", (got["from"].full, got["type"]), (f"{room}/romeo", "chat"))
    [came] = await s.pause(room, s.nurse)
    same("what the nurse saw of it", [str(st) for st in came], [])
    s.romeo.send_message(mto=f"{room}/nobody", mbody="psst", mtype="chat")
    await s.romeo.until("nobody of that nick", refusal("message", "item-not-found"))


@op
async def leave(s):
    room = await s.room("leave", "romeo", "nurse")
    s.romeo.push(f"<presence xmlns='jabber:client' to='{room}/romeo' type='unavailable'><status>good night</status></presence>")
    own = await s.romeo.until("the own farewell", presence(room, "romeo", "110", kind="unavailable"))
    same("the own role", item(own).get("role"), "none")
    for seen in await s.see("the farewell", presence(room, "romeo", kind="unavailable"), s.juliet, s.nurse):
        same("its text", seen["status"], "good night")
    s.romeo.say(room, "still here?")
    await s.romeo.until("the refusal afterwards", refusal("message", "not-acceptable"))


@op
async def disconnect(s):
    room = await s.room("disconnect", "romeo")
    phone = await s.another("nurse", "phone")
    await phone.enter(room, "nurse")
    await s.see("the nurse enters", presence(room, "nurse"), s.juliet, s.romeo)
    await phone.disconnect()
    await s.see("the nurse goes offline", presence(room, "nurse", kind="unavailable"), s.juliet, s.romeo)


async def register_as(user, room, nick):
    form = user["xep_0004"].make_form(ftype="submit")
    form.add_field(var="FORM_TYPE", ftype="hidden", value=f"{MUC}#register")
    form.add_field(var="muc#register_roomnick", value=nick)
    iq = user.make_iq_set(ito=room)
    iq["register"].append(form)
    await iq.send()


@op
async def register(s):
    room = await s.room("register")
    asked = await s.romeo["xep_0077"].get_registration(jid=room)
    assert "muc#register_roomnick" in asked["register"]["form"].get_fields(), asked
    await register_as(s.romeo, room, "montague")
    form = (await s.juliet.until("the request", from_room(room, "{jabber:x:data}x")))["form"]
    same("its type", form.get_fields()["FORM_TYPE"]["value"], [f"{MUC}#register"])
    answer = s.juliet.make_message(mto=room)
    filled = s.juliet["xep_0004"].make_form(ftype="submit")
    for name, field in form.get_fields().items():
        filled.add_field(var=name, ftype=field["type"], value=True if name == "muc#register_allow" else field["value"])
    answer.append(filled)
    answer.send()
    got = await s.romeo.until("101: a member now", lambda st: st["from"] == room and "101" in codes(st))
    same("the affiliation", item(got).get("affiliation"), "member")
    same("the member list", await s.juliet.list(room, affiliation="member"), [("member", s.romeo.bare, "")])
    done = await s.romeo["xep_0077"].get_registration(jid=room)
    assert done.xml.find(".//{jabber:iq:register}registered") is not None, done
    await refused("the same nick for another", "conflict", register_as(s.nurse, room, "montague"))
    await s.romeo["xep_0077"].cancel_registration(jid=room)
    same("the member list afterwards", await s.juliet.list(room, affiliation="member"), [])


@op
async def reserved_nick(s):
    room = await s.room("reserved")

    async def mine(user):
        info = await user["xep_0030"].get_info(jid=room, node="x-roomuser-item")
        return [identity[3] for identity in info["disco_info"]["identities"]]
    same("none yet", await mine(s.romeo), [])
    await s.juliet.muc.set_affiliation(room, "member", jid=s.romeo.bare)
    await register_as(s.romeo, room, "montague")
    same("the own", await mine(s.romeo), ["montague"])
    same("another's", await mine(s.nurse), [])
    await refused("a reserved nick", "conflict", s.nurse.enter(room, "montague"))
    await s.romeo.enter(room, "montague")


@op
async def voice_request(s):
    room = await s.room("voice-request", moderatedroom=True)
    own, *_ = await s.enter(room, "romeo")
    same("the role", item(own).get("role"), "visitor")
    s.romeo.say(room, "mute")
    await s.romeo.until("no voice", refusal("message", "forbidden"))
    s.romeo.muc.request_voice(room, "participant")
    form = (await s.juliet.until("the request", from_room(room, "{jabber:x:data}x")))["form"]
    fields = form.get_fields()
    same("who asks", (fields["muc#roomnick"]["value"], str(fields["muc#jid"]["value"])), ("romeo", s.romeo.boundjid.full))
    answer = s.juliet.make_message(mto=room)
    filled = s.juliet["xep_0004"].make_form(ftype="submit")
    for name, field in fields.items():
        filled.add_field(var=name, ftype=field["type"], value=True if name == "muc#request_allow" else field["value"])
    answer.append(filled)
    answer.send()
    await s.see("voice", presence(room, "romeo", role="participant"), s.juliet, s.romeo)
    s.romeo.say(room, "I speak")
    await s.juliet.until("the voice", said(room, "romeo", "I speak"))
