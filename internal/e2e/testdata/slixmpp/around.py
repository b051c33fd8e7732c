"""What stands beside XEP-0045 in a room: disco, archive, moderation, retraction, self-ping, avatar, occupant ids."""
import base64
import hashlib

from scene import operation
from user import CLIENT, MUC, codes, item, presence, refusal, refused, said, same

OPERATIONS = {}
op = operation(OPERATIONS)
SID = "{urn:xmpp:sid:0}stanza-id"
RETRACT = "{urn:xmpp:message-retract:1}"
MODERATE = "{urn:xmpp:message-moderate:1}"


@op
async def disco(s):
    room = await s.room("disco", "romeo", roomname="The garden", publicroom=True)
    info = (await s.nurse["xep_0030"].get_info(jid=s.service))["disco_info"]
    assert ("conference", "text") in {i[:2] for i in info["identities"]} and MUC in info["features"], info
    items = (await s.nurse["xep_0030"].get_items(jid=s.service))["disco_items"]["items"]
    assert any(jid == room and name.startswith("The garden") for jid, _, name in items), items
    info = (await s.nurse["xep_0030"].get_info(jid=room))["disco_info"]
    assert {MUC, "muc_public", "muc_open", "muc_semianonymous", "muc_unmoderated", "muc_unsecured", "muc_temporary", "urn:xmpp:mam:2",
            "urn:xmpp:occupant-id:0", "vcard-temp", "http://jabber.org/protocol/muc#self-ping-optimization"} <= set(info["features"]), info
    same("occupants", info["form"].get_fields()["muc#roominfo_occupants"]["value"], "2")
    await s.juliet.configure(room, **{"muc#roomconfig_publicroom": False})
    items = (await s.nurse["xep_0030"].get_items(jid=s.service))["disco_items"]["items"]
    assert not any(jid == room for jid, *_ in items), items


@op
async def archive(s):
    room = await s.room("archive", "romeo")

    async def page(**rsm):
        answer = await s.romeo["xep_0313"].retrieve(jid=room, rsm=rsm, timeout=30)
        results = [r["mam_result"] for r in answer["mam"]["results"]]
        return [r["forwarded"]["stanza"]["body"] for r in results], [r["id"] for r in results], answer["mam_fin"]
    same("an empty archive", (await page(max=10))[0], [])
    for i in range(7):
        s.romeo.say(room, f"line {i}")
    heard = [await s.juliet.until(f"line {i}", said(room, "romeo", f"line {i}")) for i in range(7)]
    lines = [f"line {i}" for i in range(7)]
    everything, ids, fin = await page(max=10)
    same("everything", everything, lines)
    same("the ids that were heard", [m.xml.find(SID).get("id") for m in heard], ids)
    same("complete", fin.xml.get("complete"), "true")
    first, got, fin = await page(max=3)
    same("the first page", first, lines[:3])
    same("not complete", fin.xml.get("complete", "false"), "false")
    second, *_ = await page(max=3, after=got[-1])
    same("the second page", second, lines[3:6])
    back, *_ = await page(max=3, before=ids[4])
    same("the page before it", back, lines[1:4])
    await refused("an unknown id", "item-not-found", page(max=3, after="no-such-id"))
    pages = [m["mam_result"]["forwarded"]["stanza"]["body"]
             async for p in s.romeo["xep_0313"].retrieve(jid=room, iterator=True, rsm={"max": 2}) for m in p["mam"]["results"]]
    same("page by page", pages, lines)


@op
async def archive_join(s):
    """A client that reads the archive and then enters without history misses nothing and gets nothing twice."""
    room = await s.room("archive-join")
    s.juliet.say(room, "before")
    await s.pause(room, s.juliet)
    answer = await s.romeo["xep_0313"].retrieve(jid=room, timeout=30)
    read = [r["mam_result"]["forwarded"]["stanza"]["body"] for r in answer["mam"]["results"]]
    same("read", [b for b in read if not b.startswith("pause")], ["before"])
    *_, history = await s.enter(room, "romeo", maxchars=0)
    same("told again", history, [])
    s.juliet.say(room, "after")
    came = await s.romeo.before(room, "juliet", "after")
    same("between", [str(st) for st in came if st.name == "message"], [])


@op
async def retraction(s):
    room = await s.room("retraction", "romeo")
    s.romeo.say(room, "I take it back")
    heard = await s.juliet.until("the message", said(room, "romeo", "I take it back"))
    at = heard.xml.find(SID).get("id")
    s.juliet.push(f"<message xmlns='jabber:client' to='{room}' type='groupchat' id='r1'><retract xmlns='{RETRACT[1:-1]}' id='{at}'/></message>")
    await s.juliet.until("somebody else's message", refusal("message", "forbidden"))
    s.romeo.push(f"<message xmlns='jabber:client' to='{room}' type='groupchat' id='r2'><retract xmlns='{RETRACT[1:-1]}' id='{at}'/></message>")
    for seen in await s.see("the retraction", lambda st: st.xml.find(f"{RETRACT}retract") is not None and st["from"] == f"{room}/romeo", s.juliet, s.romeo):
        same("of what", seen.xml.find(f"{RETRACT}retract").get("id"), at)
    answer = await s.juliet["xep_0313"].retrieve(jid=room, timeout=30)
    stored = next(r["mam_result"] for r in answer["mam"]["results"] if r["mam_result"]["id"] == at)
    assert "I take it back" not in str(stored) and stored.xml.find(f".//{RETRACT}retracted") is not None, stored


@op
async def moderation(s):
    room = await s.room("moderation", "romeo", "nurse")
    s.romeo.say(room, "a plague on both your houses")
    heard = await s.juliet.until("the message", said(room, "romeo", "a plague on both your houses"))
    at = heard.xml.find(SID).get("id")
    # slixmpp 1.8 knows the experimental version 0 of XEP-0425 only.
    order = f"<moderate xmlns='{MODERATE[1:-1]}' id='{at}'><retract xmlns='{RETRACT[1:-1]}'/><reason>uncivil</reason></moderate>"
    await refused("by a participant", "forbidden", s.nurse.ask("set", room, order))
    await s.juliet.ask("set", room, order)
    for seen in await s.see("the moderation", lambda st: st["from"] == room and st.xml.find(f"{RETRACT}retract") is not None, s.juliet, s.romeo, s.nurse):
        gone = seen.xml.find(f"{RETRACT}retract")
        same("of what and why", (gone.get("id"), gone.findtext(f"{RETRACT}reason")), (at, "uncivil"))
        same("by whom", gone.find(f"{MODERATE}moderated").get("by"), f"{room}/juliet")


@op
async def self_ping(s):
    room = await s.room("self-ping", "romeo")
    await s.romeo["xep_0199"].send_ping(f"{room}/romeo")
    await refused("of who is not there", "not-acceptable", s.nurse["xep_0199"].send_ping(f"{room}/nurse"))


@op
async def avatar(s):
    room = await s.room("avatar", "romeo")
    picture = b"\x89PNG not much of a picture"
    card = s.juliet["xep_0054"].make_vcard()
    card["PHOTO"]["TYPE"] = "image/png"
    card["PHOTO"]["BINVAL"] = picture
    iq = s.juliet.make_iq_set(ito=room)
    iq.append(card)
    await iq.send()
    await s.see("104: changed", lambda st: st["from"] == room and "104" in codes(st), s.juliet, s.romeo)
    got = await s.romeo["xep_0054"].get_vcard(room, local=False, cached=False)
    same("the picture", got["vcard_temp"]["PHOTO"]["BINVAL"], picture)
    info = (await s.romeo["xep_0030"].get_info(jid=room))["disco_info"]
    same("its hash", info["form"].get_fields()["muc#roominfo_avatarhash"]["value"], hashlib.sha1(picture).hexdigest())
    iq = s.romeo.make_iq_set(ito=room)
    iq.append(s.romeo["xep_0054"].make_vcard())
    await refused("by a guest", "forbidden", iq.send())


@op
async def occupant_id(s):
    room, other = await s.room("occupant-id", "nurse"), await s.room("occupant-id-2")

    def of(stanza):
        return stanza.xml.find("{urn:xmpp:occupant-id:0}occupant-id").get("id")
    own, *_ = await s.enter(room, "romeo")
    s.romeo.say(room, "who am I?")
    [heard] = await s.see("a message", said(room, "romeo", "who am I?"), s.nurse)
    same("on messages", of(heard), of(own))
    s.romeo.push(f"<message xmlns='jabber:client' to='{room}' type='groupchat'><body>I am another</body><occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/>"
                 f"<delay xmlns='urn:xmpp:delay' from='{room}' stamp='2001-01-01T00:00:00Z'/><stanza-id xmlns='urn:xmpp:sid:0' by='{room}' id='x'/></message>")
    [heard] = await s.see("a message", said(room, "romeo", "I am another"), s.nurse)
    same("a false one", of(heard), of(own))
    assert heard.xml.find("{urn:xmpp:delay}delay") is None and [e.get("id") for e in heard.xml.iter(SID)] != ["x"], heard
    same("one stanza id", len(list(heard.xml.iter(SID))), 1)
    s.romeo.muc.leave_muc(room, "romeo")
    await s.romeo.until("the farewell", presence(room, "romeo", "110", kind="unavailable"))
    again, *_ = await s.romeo.enter(room, "montague")
    same("under another nick", of(again), of(own))
    elsewhere, *_ = await s.romeo.enter(other, "romeo")
    assert of(elsewhere) != of(own), "the same occupant id in two rooms"
