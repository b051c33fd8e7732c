"""One XMPP account in an unmodified slixmpp: what arrived, waiting for it, and the questions that operations ask."""
import asyncio
import xml.etree.ElementTree as ET

import slixmpp
from slixmpp.exceptions import XMPPError
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

STEP_SECONDS = 120
CLIENT = "{jabber:client}"
MUC = "http://jabber.org/protocol/muc"
USER = "{http://jabber.org/protocol/muc#user}"
PLUGINS = ("xep_0004", "xep_0030", "xep_0045", "xep_0054", "xep_0059", "xep_0077", "xep_0128", "xep_0199", "xep_0203", "xep_0249", "xep_0313")


class User(slixmpp.ClientXMPP):
    """A device with a log of what arrived in rooms."""

    def __init__(self, jid, password):
        super().__init__(jid, password)
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self["feature_mechanisms"].unencrypted_plain = True
        self.seen = []
        self.changed = asyncio.Event()
        self.online = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", self.started)
        self.add_event_handler("failed_auth", lambda _: self.online.set_exception(RuntimeError("sign-in refused")))
        # Not slixmpp's events: these see everything, in order.
        for kind in ("presence", "message"):
            self.register_handler(Callback(f"note {kind}", MatchXPath(f"{{jabber:client}}{kind}"), self.note))
        self.muc = self["xep_0045"]

    async def started(self, _):
        self.send_presence()
        self.online.set_result(None)

    def note(self, stanza):
        self.seen.append(stanza)
        self.changed.set()

    @property
    def bare(self):
        return str(self.boundjid.bare)

    async def until(self, what, match, keep=False):
        """Waits for a stanza and takes it, and unless keep what of the same room came before it, out of the log."""
        async def look():
            while True:
                for i, stanza in enumerate(self.seen):
                    if match(stanza):
                        room = stanza["from"].bare
                        self.seen[: i + 1] = [s for s in self.seen[:i] if keep or s["from"].bare != room]
                        return stanza
                self.changed.clear()
                await self.changed.wait()
        try:
            return await asyncio.wait_for(look(), STEP_SECONDS)
        except asyncio.TimeoutError:
            log = "\n".join(str(s) for s in self.seen[-6:])
            raise AssertionError(f"{self.boundjid}: {what}: not seen; what came instead:\n{log}")

    async def enter(self, room, nick, **options):
        """Joins by slixmpp's own means, which end with the subject, and forgets what came until then."""
        result = await self.muc.join_muc_wait(slixmpp.JID(room), nick, timeout=STEP_SECONDS, **options)
        self.seen = [s for s in self.seen if s["from"].bare != room]
        return result

    async def before(self, room, nick, text):
        """Waits for a message and returns everything of the room that came here before it: rooms keep the order."""
        came = []
        while True:
            stanza = await self.until(f"{text!r} of {nick}", lambda s: s["from"].bare == room)
            if said(room, nick, text)(stanza):
                return came
            came.append(stanza)

    def say(self, room, text):
        self.send_message(mto=room, mbody=text, mtype="groupchat")

    async def ask(self, kind, to, payload):
        """Sends an iq with a payload written as text, and returns the payload of the answer."""
        iq = self.make_iq(ito=to, itype=kind)
        if payload:
            iq.append(ET.fromstring(payload))
        answer = await iq.send(timeout=STEP_SECONDS)
        return next(iter(answer.xml), None)

    def push(self, text):
        """Sends a stanza written as text."""
        self.send_xml(ET.fromstring(text))

    async def list(self, room, **which):
        """A list of affiliations or roles, as slixmpp reads it: affiliation, address, reason, in the service's order."""
        iq = self.make_iq_get(f"{MUC}#admin", ito=room)
        for name, value in which.items():
            iq["mucadmin_query"]["item"][name] = value
        answer = await iq.send(timeout=STEP_SECONDS)
        return [(i["affiliation"], str(i["jid"]), i.xml.findtext(f"{{{MUC}#admin}}reason") or "") for i in answer["mucadmin_query"]]

    async def set_roles(self, room, *roles):
        """Changes a list of roles in one request. slixmpp 1.8 has send_role_list, but it sends affiliations."""
        items = "".join(f"<item nick='{nick}' role='{role}'/>" for nick, role in roles)
        await self.ask("set", room, f"<query xmlns='{MUC}#admin'>{items}</query>")

    async def configure(self, room, **values):
        """Fills in the configuration form as a person does: asks for it, changes some fields, sends all back."""
        form = await self.muc.get_room_config(room, timeout=STEP_SECONDS)
        fields = form.get_fields()
        answer = self["xep_0004"].make_form(ftype="submit")
        for name, field in fields.items():
            kind, value = field["type"], field["value"]
            if name in values:
                value = values.pop(name)
            if kind != "fixed":
                answer.add_field(var=name, ftype=kind, value=value)
        assert not values, f"the form does not have {list(values)}"
        await self.muc.set_room_config(room, answer, timeout=STEP_SECONDS)


def codes(stanza):
    return {s.get("code") for s in stanza.xml.iter(f"{USER}status")}


def item(stanza):
    return next(iter(stanza.xml.iter(f"{USER}item")), None)


def reason(stanza):
    it = item(stanza)
    return None if it is None else it.findtext(f"{USER}reason")


def actor(stanza):
    it = item(stanza)
    found = None if it is None else it.find(f"{USER}actor")
    return None if found is None else found.get("nick")


def presence(room, who, code=None, kind="", **attrs):
    """Matches a presence of an occupant: type, one status code, attributes of the item."""
    def match(s):
        if s.name != "presence" or s["from"] != f"{room}/{who}" or s.xml.get("type", "") != kind:
            return False
        it = item(s)
        return (not code or code in codes(s)) and (not attrs or it is not None and all(it.get(k) == v for k, v in attrs.items()))
    return match


def said(room, nick, text):
    return lambda s: s.name == "message" and s["type"] == "groupchat" and s["from"] == f"{room}/{nick}" and s["body"] == text


def from_room(room, path):
    """Matches a message of the room itself with a descendant of that name."""
    return lambda s: s.name == "message" and s["from"] == room and next(s.xml.iter(path), None) is not None


def refusal(kind, condition):
    """Matches an error that came back for a message or a presence."""
    return lambda s: s.name == kind and s["type"] == "error" and s["error"]["condition"] == condition


def same(what, got, want):
    assert got == want, f"{what}: {got!r}, want {want!r}"


async def refused(what, condition, awaitable):
    """Awaits a refusal with exactly this condition."""
    try:
        answer = await awaitable
    except XMPPError as error:
        same(what, error.condition, condition)
        return error
    raise AssertionError(f"{what}: no error but {answer}")
