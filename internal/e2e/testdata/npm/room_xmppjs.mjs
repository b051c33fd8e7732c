// An unmodified xmpp.js (@xmpp/client) against anteroom through a real server: create, configure, join, chat, subject, roles, nick,
// kick, affiliations and their lists.
//
// usage: node room_xmppjs.mjs SERVICE ROOM OWNER_JID OTHER_JID PASSWORD
// Prints one line per observed step and ends with 0 only if every step was observed by the other side.
import { client, xml, jid } from "@xmpp/client";

const STEP = 15_000;
const NS = {
  muc: "http://jabber.org/protocol/muc",
  user: "http://jabber.org/protocol/muc#user",
  admin: "http://jabber.org/protocol/muc#admin",
  owner: "http://jabber.org/protocol/muc#owner",
  info: "http://jabber.org/protocol/disco#info",
  items: "http://jabber.org/protocol/disco#items",
};
const [service, room, ownerJID, otherJID, password] = process.argv.slice(2);

// A user keeps what arrived and can wait for it.
class User {
  constructor(address) {
    const account = jid(address);
    this.bare = account.bare().toString();
    this.xmpp = client({ service, domain: account.domain, username: account.local, password, resource: "xmppjs" });
    this.xmpp.reconnect.stop();
    this.seen = [];
    this.waiting = new Set();
    this.xmpp.on("error", (error) => fail(error));
    this.xmpp.on("stanza", (stanza) => {
      this.seen.push(stanza);
      for (const look of this.waiting) look();
    });
  }

  async start() {
    await this.xmpp.start();
    await this.xmpp.send(xml("presence"));
  }

  // until waits for a stanza and takes it and all before it out of the log.
  until(what, match) {
    return new Promise((resolve, reject) => {
      const end = (result) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        result();
      };
      const look = () => {
        const i = this.seen.findIndex(match);
        if (i < 0) return;
        const [found] = this.seen.splice(0, i + 1).slice(-1);
        end(() => resolve(found));
      };
      const timer = setTimeout(
        () => end(() => reject(new Error(`${this.bare}: ${what}: not seen; what came instead:\n${this.seen.join("\n")}`))),
        STEP,
      );
      this.waiting.add(look);
      look();
    });
  }

  ask(type, payload, to = room) {
    return this.xmpp.iqCaller.request(xml("iq", { type, to }, payload), STEP);
  }

  item(attrs, reason) {
    return this.ask("set", xml("query", { xmlns: NS.admin }, xml("item", attrs, reason ? xml("reason", {}, reason) : undefined)));
  }

  async list(affiliation) {
    const answer = await this.ask("get", xml("query", { xmlns: NS.admin }, xml("item", { affiliation })));
    return answer.getChild("query", NS.admin).getChildren("item").map((i) => `${i.attrs.affiliation} ${i.attrs.jid}`).sort();
  }

  join(nick) {
    return this.xmpp.send(xml("presence", { to: `${room}/${nick}` }, xml("x", { xmlns: NS.muc })));
  }

  say(text) {
    return this.xmpp.send(xml("message", { to: room, type: "groupchat", id: `m${Math.random()}` }, xml("body", {}, text)));
  }
}

const codes = (s) => (s.getChild("x", NS.user)?.getChildren("status") ?? []).map((c) => c.attrs.code);
const item = (s) => s.getChild("x", NS.user)?.getChild("item");

function presence(nick, { code, type, ...attrs } = {}) {
  return (s) =>
    s.is("presence") && s.attrs.from === `${room}/${nick}` && s.attrs.type === type && (!code || codes(s).includes(code)) &&
    Object.entries(attrs).every(([name, value]) => item(s)?.attrs[name] === value);
}

const said = (nick, text) => (s) =>
  s.is("message") && s.attrs.type === "groupchat" && s.attrs.from === `${room}/${nick}` && s.getChildText("body") === text;

const same = (what, got, want) => {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
};

async function refused(what, condition, promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    return same(what, error.condition, condition);
  }
  throw new Error(`${what}: no error but ${answer}`);
}

const step = (text) => console.log("ok", text);

function fail(error) {
  console.log("failed", error.stack ?? error);
  process.exit(1);
}

async function create(owner) {
  await owner.join("juliet");
  await owner.until("self-presence of the creator", presence("juliet", { code: "201", affiliation: "owner", role: "moderator" }));
  const answer = await owner.ask("get", xml("query", { xmlns: NS.owner }));
  const form = answer.getChild("query", NS.owner).getChild("x", "jabber:x:data");
  const vars = form.getChildren("field").map((f) => f.attrs.var);
  for (const wanted of ["muc#roomconfig_roomname", "muc#roomconfig_membersonly", "muc#roomconfig_moderatedroom"]) {
    if (!vars.includes(wanted)) throw new Error(`the form has no ${wanted}: ${vars}`);
  }
  const field = (name, value) => xml("field", { var: name }, xml("value", {}, value));
  await owner.ask("set", xml("query", { xmlns: NS.owner }, xml("x", { xmlns: "jabber:x:data", type: "submit" },
    field("FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig"), field("muc#roomconfig_roomname", "The garden"),
    field("muc#roomconfig_persistentroom", "1"))));
  const info = (await owner.ask("get", xml("query", { xmlns: NS.info }))).getChild("query", NS.info);
  same("the room's name", info.getChild("identity").attrs.name, "The garden");
  const features = info.getChildren("feature").map((f) => f.attrs.var);
  if (!features.includes(NS.muc) || !features.includes("muc_persistent")) throw new Error(`features: ${features}`);
  const rooms = await owner.ask("get", xml("query", { xmlns: NS.items }), jid(room).domain);
  same("the service's rooms", rooms.getChild("query", NS.items).getChildren("item").map((i) => i.attrs.jid), [room]);
  step("create and configure");
}

async function chat(owner, other) {
  await other.join("romeo");
  await other.until("self-presence", presence("romeo", { code: "110" }));
  await owner.until("the newcomer", presence("romeo", { affiliation: "none", role: "participant" }));
  step("join");
  await other.say("But soft <&> 🌹");
  await owner.until("their message", said("romeo", "But soft <&> 🌹"));
  await owner.say("Ay me.");
  await other.until("our message", said("juliet", "Ay me."));
  await owner.xmpp.send(xml("message", { to: room, type: "groupchat", id: "subject" }, xml("subject", {}, "Balconies")));
  await other.until("the subject", (s) => s.is("message") && s.getChildText("subject") === "Balconies" && !s.getChild("body"));
  step("chat and subject");
}

async function roles(owner, other) {
  await owner.item({ nick: "romeo", role: "visitor" }, "hush");
  await other.until("voice taken", presence("romeo", { role: "visitor" }));
  await other.say("mute");
  await other.until("the refusal", (s) => s.is("message") && s.attrs.type === "error" && s.getChild("error").getChild("forbidden"));
  await owner.item({ nick: "romeo", role: "participant" });
  await other.until("voice given", presence("romeo", { role: "participant" }));
  await owner.item({ nick: "romeo", role: "moderator" });
  await owner.until("a new moderator", presence("romeo", { role: "moderator" }));
  await owner.item({ nick: "romeo", role: "participant" });
  await other.until("moderation taken", presence("romeo", { role: "participant" }));
  await refused("a kick of the owner", "forbidden", other.item({ nick: "juliet", role: "none" }));
  step("roles");

  await other.xmpp.send(xml("presence", { to: `${room}/montague` }));
  await owner.until("the old nick", presence("romeo", { type: "unavailable", code: "303", nick: "montague" }));
  await other.until("the new nick", presence("montague", { code: "110" }));
  step("nick");

  await owner.item({ nick: "montague", role: "none" }, "too loud");
  const kicked = await other.until("the kick", presence("montague", { type: "unavailable", code: "307", role: "none" }));
  same("the reason", item(kicked).getChildText("reason"), "too loud");
  await owner.until("the kick, seen by others", presence("montague", { type: "unavailable", code: "307" }));
  step("kick");
}

async function affiliations(owner, other) {
  await other.join("romeo");
  await other.until("the return", presence("romeo", { code: "110" }));
  for (const affiliation of ["member", "admin", "owner", "none"]) {
    await owner.item({ jid: other.bare, affiliation });
    await other.until(`affiliation ${affiliation}`, presence("romeo", { affiliation }));
    const expected = affiliation === "owner" ? [`owner ${owner.bare}`, `owner ${other.bare}`] : [`${affiliation} ${other.bare}`];
    if (affiliation !== "none") same(`the list of ${affiliation}`, await owner.list(affiliation), expected);
  }
  await owner.item({ jid: other.bare, affiliation: "outcast" }, "enough");
  await other.until("the ban", presence("romeo", { type: "unavailable", code: "301", affiliation: "outcast" }));
  same("the ban list", await owner.list("outcast"), [`outcast ${other.bare}`]);
  await other.join("romeo");
  await other.until("refused while banned", (s) => s.is("presence") && s.attrs.type === "error" && s.getChild("error").getChild("forbidden"));
  await owner.item({ jid: other.bare, affiliation: "none" });
  same("the ban list afterwards", await owner.list("outcast"), []);
  step("affiliations");

  await other.join("romeo");
  await owner.until("the return", presence("romeo"));
  await other.xmpp.send(xml("presence", { to: `${room}/romeo`, type: "unavailable" }));
  await owner.until("the leaving", presence("romeo", { type: "unavailable" }));
  step("leave");
}

try {
  const owner = new User(ownerJID);
  const other = new User(otherJID);
  await Promise.all([owner.start(), other.start()]);
  await create(owner);
  await chat(owner, other);
  await roles(owner, other);
  await affiliations(owner, other);
  await Promise.all([owner.xmpp.stop(), other.xmpp.stop()]);
} catch (error) {
  fail(error);
}
console.log("all observed");
process.exit(0);
