"""An unmodified slixmpp client against anteroom through a real server: join, chat, voice, kick, ban, lists, configuration.

usage: slixmpp_room.py HOST PORT ROOM OWNER_JID OTHER_JID PASSWORD
Prints one line per observed step and ends with 0 only if every step was observed by the other side.
"""
import asyncio
import sys

import slixmpp
from slixmpp.exceptions import IqError, XMPPError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

STEP_SECONDS = 15


class User(slixmpp.ClientXMPP):
    """One account with a log of what arrived, and a way to wait for it."""

    def __init__(self, jid, password):
        super().__init__(jid, password)
        for plugin in ("xep_0030", "xep_0004", "xep_0045", "xep_0199"):
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self.seen = []
        self.changed = asyncio.Event()
        self.online = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", self.refused)
        # Not slixmpp's events: of a room that it knows it announces presences by other ones, and join errors without <x/> by none.
        for kind in ("presence", "message"):
            self.register_handler(Callback(f"note {kind}", MatchXPath(f"{{jabber:client}}{kind}"), self.note))

    async def started(self, _):
        self.send_presence()
        self.online.set_result(None)

    def refused(self, _):
        self.online.set_exception(RuntimeError("sign-in refused"))

    def note(self, stanza):
        self.seen.append(stanza)
        self.changed.set()

    async def until(self, what, match):
        """Waits for a stanza and takes it out of the log."""
        async def look():
            while True:
                for i, stanza in enumerate(self.seen):
                    if match(stanza):
                        del self.seen[: i + 1]
                        return stanza
                self.changed.clear()
                await self.changed.wait()
        try:
            return await asyncio.wait_for(look(), STEP_SECONDS)
        except asyncio.TimeoutError:
            log = "\n".join(str(s) for s in self.seen)
            raise AssertionError(f"{self.boundjid}: {what}: not seen; what came instead:\n{log}")


def codes(stanza):
    return {s.get("code") for s in stanza.xml.iter("{http://jabber.org/protocol/muc#user}status")}


def item(stanza):
    return next(iter(stanza.xml.iter("{http://jabber.org/protocol/muc#user}item")), None)


def presence(nick, room, code=None, kind=None, **attrs):
    def match(s):
        if s.name != "presence" or s["from"] != f"{room}/{nick}" or (kind is not None and s.xml.get("type", "") != kind):
            return False
        if code and code not in codes(s):
            return False
        it = item(s)
        return not attrs or (it is not None and all(it.get(k) == v for k, v in attrs.items()))
    return match


def said(nick, room, body):
    return lambda s: s.name == "message" and s["type"] == "groupchat" and s["from"] == f"{room}/{nick}" and s["body"] == body


def step(text):
    print("ok", text, flush=True)


async def expect_error(awaitable, conditions, what):
    try:
        await awaitable
    except (IqError, XMPPError) as error:
        got = error.condition
        assert got in conditions, f"{what}: {got}, want one of {conditions}"
        return
    raise AssertionError(f"{what}: no error, want one of {conditions}")


async def scenario(owner, other, room):
    muc, theirs = owner["xep_0045"], other["xep_0045"]
    muc.join_muc(room, "juliet")
    await owner.until("self-presence of the creator", presence("juliet", room, "201", affiliation="owner", role="moderator"))
    await owner.until("the subject after the join", lambda s: s.name == "message" and s.xml.find("{jabber:client}subject") is not None)
    step("create")

    form = await muc.get_room_config(room)
    fields = form.get_fields()
    assert "muc#roomconfig_membersonly" in fields and "muc#roomconfig_moderatedroom" in fields, list(fields)
    answer = owner["xep_0004"].make_form(ftype="submit")
    answer.add_field(var="FORM_TYPE", ftype="hidden", value="http://jabber.org/protocol/muc#roomconfig")
    answer.add_field(var="muc#roomconfig_persistentroom", ftype="boolean", value=True)
    answer.add_field(var="muc#roomconfig_roomname", ftype="text-single", value="The garden")
    await muc.set_room_config(room, answer)
    info = await owner["xep_0030"].get_info(jid=room)
    features = {f for f in info["disco_info"]["features"]}
    assert {"http://jabber.org/protocol/muc", "muc_persistent", "muc_open"} <= features, features
    assert any(i[3] == "The garden" for i in info["disco_info"]["identities"]), info
    step("configure")

    theirs.join_muc(room, "romeo")
    await owner.until("presence of the newcomer", presence("romeo", room, affiliation="none", role="participant"))
    await other.until("self-presence", presence("romeo", room, "110"))
    step("join")

    other.send_message(mto=room, mbody="But soft, what light?", mtype="groupchat")
    await owner.until("their message", said("romeo", room, "But soft, what light?"))
    await other.until("their own message", said("romeo", room, "But soft, what light?"))
    owner.send_message(mto=room, mbody="Ay me.", mtype="groupchat")
    await other.until("our message", said("juliet", room, "Ay me."))
    step("chat")

    await muc.set_role(room, "romeo", "visitor")
    await other.until("voice taken", presence("romeo", room, role="visitor"))
    other.send_message(mto=room, mbody="mute", mtype="groupchat")
    await other.until("refusal without voice", lambda s: s.name == "message" and s["type"] == "error" and s["error"]["condition"] == "forbidden")
    await muc.set_role(room, "romeo", "participant")
    await other.until("voice given", presence("romeo", room, role="participant"))
    other.send_message(mto=room, mbody="I speak again", mtype="groupchat")
    await owner.until("their voice", said("romeo", room, "I speak again"))
    assert not any(s.name == "message" and s["body"] == "mute" for s in owner.seen), "a message without voice came through"
    step("voice")

    await expect_error(theirs.set_role(room, "juliet", "none"), ("forbidden", "not-allowed"), "kick of the owner by a participant")
    await muc.set_role(room, "romeo", "none", reason="too loud")
    gone = await other.until("the kick", presence("romeo", room, "307", kind="unavailable"))
    assert "110" in codes(gone) and item(gone).findtext("{http://jabber.org/protocol/muc#user}reason") == "too loud", str(gone)
    await owner.until("the kick, seen by others", presence("romeo", room, "307", kind="unavailable"))
    step("kick")

    theirs.join_muc(room, "romeo")
    await other.until("joining again after a kick", presence("romeo", room, "110", kind=""))
    await owner.until("their return", presence("romeo", room, kind=""))
    jid = str(other.boundjid.bare)
    await muc.set_affiliation(room, "outcast", jid=jid, reason="enough")
    await other.until("the ban", presence("romeo", room, "301", kind="unavailable"))
    banned = await muc.get_affiliation_list(room, "outcast")
    assert [str(j) for j in banned] == [jid], banned
    theirs.join_muc(room, "romeo")
    await other.until("refused while banned", lambda s: s.name == "presence" and s["type"] == "error" and s["error"]["condition"] == "forbidden")
    step("ban")

    await muc.set_affiliation(room, "member", jid=jid)
    assert [str(j) for j in await muc.get_affiliation_list(room, "outcast")] == []
    assert [str(j) for j in await muc.get_affiliation_list(room, "member")] == [jid]
    theirs.join_muc(room, "romeo")
    await other.until("joining as a member", presence("romeo", room, "110", affiliation="member"))
    step("unban")

    theirs.leave_muc(room, "romeo")
    await owner.until("their leaving", presence("romeo", room, kind="unavailable"))
    step("leave")


async def main(host, port, room, owner_jid, other_jid, password):
    owner, other = User(owner_jid, password), User(other_jid, password)
    for user in (owner, other):
        user.connect(address=(host, int(port)), disable_starttls=True, use_ssl=False)
    await asyncio.wait_for(asyncio.gather(owner.online, other.online), STEP_SECONDS)
    await scenario(owner, other, room)
    for user in (owner, other):
        await user.disconnect()


if __name__ == "__main__":
    try:
        asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(*sys.argv[1:]), 120))
    except Exception as failure:  # what failed is the output; the caller prints it
        print("failed", type(failure).__name__, failure, flush=True)
        sys.exit(1)
    print("all observed", flush=True)
