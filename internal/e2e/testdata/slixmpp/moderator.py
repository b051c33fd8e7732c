"""XEP-0045 §8 and the roles of §9: what moderators do to those who are present."""
from scene import operation
from user import CLIENT, MUC, actor, codes, item, presence, reason, refusal, refused, said, same

OPERATIONS = {}
op = operation(OPERATIONS)


def subject(room, nick, text):
    return lambda st: st.name == "message" and st["type"] == "groupchat" and st["from"] == f"{room}/{nick}" and \
        st.xml.findtext(f"{CLIENT}subject") == text and st.xml.find(f"{CLIENT}body") is None


@op
async def change_subject(s):
    room = await s.room("subject", "romeo", "nurse")
    s.juliet.muc.set_subject(room, "Balconies")
    await s.see("the subject", subject(room, "juliet", "Balconies"), s.juliet, s.romeo, s.nurse)
    s.romeo.muc.set_subject(room, "Orchards")
    await s.romeo.until("a participant's subject", refusal("message", "forbidden"))
    _, last, *_ = await s.enter(room, "tybalt")
    assert subject(room, "juliet", "Balconies")(last) and last.xml.find("{urn:xmpp:delay}delay") is not None, last
    await s.juliet.configure(room, **{"muc#roomconfig_changesubject": True})
    s.romeo.muc.set_subject(room, "Orchards")
    await s.see("a participant's subject", subject(room, "romeo", "Orchards"), s.juliet, s.romeo, s.nurse, s.tybalt)


@op
async def kick(s):
    room = await s.room("kick", "romeo", "nurse")
    await refused("a kick by a participant", "forbidden", s.romeo.muc.set_role(room, "nurse", "none"))
    await s.juliet.muc.set_role(room, "romeo", "none", reason="too loud")
    own, *others = await s.see("the kick", presence(room, "romeo", "307", kind="unavailable", role="none"), s.romeo, s.juliet, s.nurse)
    assert "110" in codes(own) and not any("110" in codes(o) for o in others), own
    for seen in (own, *others):
        same("reason and actor", (reason(seen), actor(seen)), ("too loud", "juliet"))
    s.romeo.say(room, "am I here?")
    await s.romeo.until("no voice outside", refusal("message", "not-acceptable"))
    s.gone(room, "romeo")
    await s.enter(room, "romeo")
    await refused("a kick of nobody", "item-not-found", s.juliet.muc.set_role(room, "nobody", "none"))
    await s.juliet.muc.set_affiliation(room, "admin", jid=s.nurse.bare)
    await refused("a kick of an owner by an admin", "not-allowed", s.nurse.muc.set_role(room, "juliet", "none"))


@op
async def voice(s):
    room = await s.room("voice", "romeo", "nurse")
    await s.juliet.muc.set_role(room, "romeo", "visitor", reason="hush")
    for seen in await s.see("voice taken", presence(room, "romeo", role="visitor"), s.romeo, s.juliet, s.nurse):
        same("reason", reason(seen), "hush")
    s.romeo.say(room, "mute")
    await s.romeo.until("the refusal", refusal("message", "forbidden"))
    await s.juliet.muc.set_role(room, "romeo", "participant")
    await s.see("voice given", presence(room, "romeo", role="participant"), s.romeo, s.juliet, s.nurse)
    s.romeo.say(room, "I speak again")
    came = await s.nurse.before(room, "romeo", "I speak again")
    assert not any(st["body"] == "mute" for st in came if st.name == "message"), "a message without voice came through"
    await refused("voice of an owner", "not-allowed", s.juliet.muc.set_role(room, "juliet", "visitor"))


@op
async def voice_list(s):
    room = await s.room("voice-list", "romeo", moderatedroom=True)

    async def listed(role):
        return sorted(await s.juliet.muc.get_roles_list(room, role))
    same("nobody has voice", await listed("participant"), [])
    same("visitors", await listed("visitor"), ["romeo"])
    await s.enter(room, "nurse")
    await s.juliet.set_roles(room, ("romeo", "participant"), ("nurse", "participant"))
    await s.see("voice", presence(room, "romeo", role="participant"), s.romeo, s.juliet, s.nurse)
    same("who has voice", await listed("participant"), ["nurse", "romeo"])
    await s.juliet.set_roles(room, ("romeo", "visitor"), ("nurse", "participant"))
    same("who has voice still", await listed("participant"), ["nurse"])
    await refused("the list for a participant", "forbidden", s.nurse.muc.get_roles_list(room, "participant"))
    await refused("a list with somebody who is not there", "item-not-found",
                  s.juliet.set_roles(room, ("nurse", "visitor"), ("nobody", "visitor")))
    same("nothing of it was done", await listed("participant"), ["nurse"])


@op
async def moderator(s):
    room = await s.room("moderator", "romeo", "nurse")
    await refused("by a participant", "forbidden", s.romeo.muc.set_role(room, "nurse", "moderator"))
    await s.juliet.muc.set_role(room, "romeo", "moderator", reason="help me")
    await s.see("a new moderator", presence(room, "romeo", affiliation="none", role="moderator"), s.romeo, s.juliet, s.nurse)
    await s.romeo.muc.set_role(room, "nurse", "visitor")
    await s.see("the moderator acts", presence(room, "nurse", role="visitor"), s.romeo, s.juliet, s.nurse)
    await s.juliet.muc.set_role(room, "romeo", "participant")
    await s.see("a moderator no more", presence(room, "romeo", role="participant"), s.romeo, s.juliet, s.nurse)
    await refused("afterwards", "forbidden", s.romeo.muc.set_role(room, "nurse", "participant"))


@op
async def moderator_list(s):
    room = await s.room("moderator-list", "romeo", "nurse")
    same("at first", await s.juliet.muc.get_roles_list(room, "moderator"), ["juliet"])
    await s.juliet.muc.set_role(room, "romeo", "moderator")
    same("two", sorted(await s.juliet.muc.get_roles_list(room, "moderator")), ["juliet", "romeo"])
    await refused("for a moderator who is no admin", "forbidden", s.romeo.muc.get_roles_list(room, "moderator"))
    await s.juliet.set_roles(room, ("nurse", "moderator"), ("romeo", "participant"))
    same("changed in one", sorted(await s.juliet.muc.get_roles_list(room, "moderator")), ["juliet", "nurse"])
    for who, role in (("romeo", "participant"), ("nurse", "moderator")):  # in which order is the service's business
        for user in (s.juliet, s.romeo, s.nurse):
            await user.until(f"{who} is {role}", presence(room, who, role=role), keep=True)
