"""XEP-0045 §10: creating, configuring and destroying rooms."""
from scene import operation
from user import CLIENT, MUC, USER, codes, item, presence, refused, same

OPERATIONS = {}
op = operation(OPERATIONS)
OWNER = f"{MUC}#owner"


@op
async def create_instant(s):
    room = s.name("instant")
    created, *_ = await s.juliet.enter(room, "juliet")
    assert presence(room, "juliet", "201", affiliation="owner", role="moderator")(created) and "110" in codes(created), created
    await s.juliet.ask("set", room, f"<query xmlns='{OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>")
    await s.enter(room, "romeo")


@op
async def create_reserved(s):
    room = s.name("reserved-room")
    created, *_ = await s.juliet.enter(room, "juliet")
    assert presence(room, "juliet", "201")(created), created
    form = await s.juliet.muc.get_room_config(room)
    missing = {f"muc#roomconfig_{f}" for f in (
        "allowinvites", "allowpm", "changesubject", "enablelogging", "getmemberlist", "lang", "maxusers", "membersonly", "moderatedroom",
        "passwordprotectedroom", "persistentroom", "publicroom", "roomadmins", "roomdesc", "roomname", "roomowners", "roomsecret", "whois",
        "presencebroadcast", "pubsub")} | {"muc#maxhistoryfetch"}
    missing -= set(form.get_fields())
    same("fields that the form lacks", missing, set())
    await s.juliet.configure(room, **{"muc#roomconfig_roomname": "The garden", "muc#roomconfig_persistentroom": True,
                                      "muc#roomconfig_roomadmins": [s.romeo.bare]})
    same("admins by the form", await s.juliet.list(room, affiliation="admin"), [("admin", s.romeo.bare, "")])
    own, *_ = await s.enter(room, "romeo")
    same("an admin enters", (item(own).get("affiliation"), item(own).get("role")), ("admin", "moderator"))


@op
async def create_cancel(s):
    room = s.name("cancelled")
    await s.juliet.enter(room, "juliet")
    await s.juliet.muc.cancel_config(room)
    await s.juliet.until("the end of the room", presence(room, "juliet", kind="unavailable"))
    info = await refused("the room afterwards", "item-not-found", s.juliet["xep_0030"].get_info(jid=room))


@op
async def configure(s):
    room = await s.room("configure", "romeo")
    await s.juliet.configure(room, **{"muc#roomconfig_roomname": "The orchard", "muc#roomconfig_roomdesc": "walls are high",
                                      "muc#roomconfig_moderatedroom": True})
    await s.see("104: changed", lambda st: st["from"] == room and "104" in codes(st), s.juliet, s.romeo)
    info = (await s.romeo["xep_0030"].get_info(jid=room))["disco_info"]
    assert any(i[3] == "The orchard" for i in info["identities"]), info
    assert {"muc_moderated", "muc_open", "muc_temporary"} <= set(info["features"]), info
    form = await s.juliet.muc.get_room_config(room)
    same("the form shows it", form.get_fields()["muc#roomconfig_roomdesc"]["value"], "walls are high")
    await refused("for a guest", "forbidden", s.romeo.muc.get_room_config(room))
    await refused("a half-valid form", "not-acceptable", s.juliet.configure(
        room, **{"muc#roomconfig_roomname": "nothing of this", "muc#roomconfig_whois": "nobody"}))
    info = (await s.romeo["xep_0030"].get_info(jid=room))["disco_info"]
    assert any(i[3] == "The orchard" for i in info["identities"]), info


@op
async def configure_cancel(s):
    room = await s.room("configure-cancel", "romeo", roomname="The garden")
    await s.juliet.muc.cancel_config(room)
    info = (await s.romeo["xep_0030"].get_info(jid=room))["disco_info"]
    assert any(i[3] == "The garden" for i in info["identities"]), info
    s.romeo.say(room, "still here")
    await s.juliet.until("the room goes on", lambda st: st.name == "message" and st["body"] == "still here")


@op
async def destroy(s):
    room, venue = await s.room("destroy", "romeo", persistentroom=True), s.name("venue")
    await refused("by a guest", "forbidden", s.romeo.muc.destroy(room))
    await s.juliet.muc.destroy(room, reason="macbeth", altroom=venue)
    for seen in await s.see("the end", presence(room, "romeo", kind="unavailable"), s.romeo) + \
            await s.see("the end", presence(room, "juliet", kind="unavailable"), s.juliet):
        end = seen.xml.find(f".//{USER}destroy")
        same("venue and reason", (end.get("jid"), end.findtext(f"{USER}reason")), (venue, "macbeth"))
        same("affiliation and role", (item(seen).get("affiliation"), item(seen).get("role")), ("none", "none"))
    error = await refused("entering afterwards", "gone", s.romeo.enter(room, "romeo"))
    assert venue.split("@")[1] in str(error.presence), error.presence
    await refused("looking afterwards", "gone", s.nurse["xep_0030"].get_info(jid=room))


@op
async def temporary(s):
    room = await s.room("temporary", "romeo")
    for who in ("romeo", "juliet"):
        s.people[who].muc.leave_muc(room, who)
        await s.people[who].until("the farewell", presence(room, who, "110", kind="unavailable"))
    await refused("an empty temporary room", "item-not-found", s.romeo["xep_0030"].get_info(jid=room))
