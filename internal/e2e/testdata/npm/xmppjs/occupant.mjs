// XEP-0045 §7: what everybody may do.
import { NS, codes, fill, fromRoom, holds, item, presence, refusal, refused, roomOf, said, same, submit, xml } from "./user.mjs";

const nickOf = (s) => s.attrs.from.split("/")[1];

export async function enter(s) {
  const room = await s.room("enter", {}, "romeo");
  const { others, own, history, room: itself } = await s.nurse.enter(room, "nurse");
  holds("the room's own presence", itself?.getChild("c", "http://jabber.org/protocol/caps"), itself);
  same("the others", others.map((o) => [nickOf(o), item(o).attrs.affiliation, item(o).attrs.role]),
    [["juliet", "owner", "moderator"], ["romeo", "none", "participant"]]);
  holds("own", presence(room, "nurse", { affiliation: "none", role: "participant" })(own), own);
  same("history", history, []);
  await s.see("the nurse enters", presence(room, "nurse", { affiliation: "none", role: "participant" }), s.juliet, s.romeo);
}

export async function enterAgain(s) {
  const room = await s.room("enter-again", {}, "romeo");
  const { others } = await s.romeo.enter(room, "romeo");
  same("the others", others.map(nickOf), ["juliet"]);
  await s.enter(room, "nurse");
}

export async function enterPassword(s) {
  const room = await s.room("password", { passwordprotectedroom: 1, roomsecret: "cauldron" });
  await refused("no password", "not-authorized", s.romeo.enter(room, "romeo"));
  await refused("a wrong password", "not-authorized", s.romeo.enter(room, "romeo", xml("password", {}, "kettle")));
  await s.enter(room, "romeo", xml("password", {}, "cauldron"));
  const { features } = await s.nurse.info(room);
  holds("the feature", features.includes("muc_passwordprotected"), features);
}

export async function enterNickConflict(s) {
  const room = await s.room("conflict", {}, "romeo");
  await refused("somebody's nick", "conflict", s.nurse.enter(room, "romeo"));
  await s.enter(room, "nurse");
  const [came] = await s.pause(room, s.romeo);
  same("what Romeo saw of it", came.map(String), []);
}

export async function enterWithoutNick(s) {
  const room = await s.room("no-nick", {});
  await s.romeo.send("presence", room, {}, xml("x", { xmlns: NS.muc }));
  await s.romeo.until("the refusal", refusal("presence", "jid-malformed"));
}

export async function enterMembersOnly(s) {
  const room = await s.room("members", { membersonly: 1 });
  await refused("a guest", "registration-required", s.romeo.enter(room, "romeo"));
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "member" });
  const { own } = await s.enter(room, "romeo");
  holds("a member", presence(room, "romeo", { affiliation: "member" })(own), own);
}

export async function enterBanned(s) {
  const room = await s.room("banned", {});
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "outcast" });
  await refused("somebody banned", "forbidden", s.romeo.enter(room, "romeo"));
  const [came] = await s.pause(room, s.juliet);
  same("what Juliet saw of it", came.filter((c) => c.is("presence")).map(String), []);
}

export async function enterFull(s) {
  const room = await s.room("full", { maxusers: 2 }, "romeo");
  await refused("a third", "service-unavailable", s.nurse.enter(room, "nurse"));
  await s.juliet.change(room, { jid: s.tybalt.bare, affiliation: "admin" });
  await s.enter(room, "tybalt");
}

export async function enterHistory(s) {
  const room = await s.room("history", {});
  const lines = [0, 1, 2, 3, 4].map((i) => `line ${i}`);
  for (const line of lines) await s.juliet.say(room, line);
  await s.pause(room, s.juliet);
  const told = async (attrs) => {
    const { history } = await s.romeo.enter(room, "romeo", ...(attrs ? [xml("history", attrs)] : []));
    await s.romeo.leave(room, "romeo");
    await s.romeo.until("the farewell", presence(room, "romeo", { type: "unavailable", code: "110" }));
    for (const m of history) same("the stamp's author", m.getChild("delay", NS.delay)?.attrs.from, room);
    return history.map((m) => m.getChildText("body")).filter((b) => b.startsWith("line"));
  };
  const ago = (hours) => new Date(Date.now() - hours * 3_600_000).toISOString();
  same("all of it", await told(), lines);
  same("three", await told({ maxstanzas: 3 }), lines.slice(3)); // the pause is the third
  same("none by number", await told({ maxstanzas: 0 }), []);
  same("none by length", await told({ maxchars: 0 }), []);
  same("an hour", await told({ seconds: 3600 }), lines);
  same("since an hour ago", await told({ since: ago(1) }), lines);
  same("since tomorrow", await told({ since: ago(-24) }), []);
}

export async function enterAnonymity(s) {
  const room = await s.room("anonymity", {}, "romeo");
  let { own, others } = await s.enter(room, "nurse");
  holds("no 100", !codes(own).includes("100"), own);
  same("addresses that a guest sees", others.map((o) => item(o).attrs.jid), [undefined, undefined]);
  await s.juliet.configure(room, { whois: "anyone" });
  await s.see("172", (m) => roomOf(m) === room && codes(m).includes("172"), s.juliet, s.romeo, s.nurse);
  ({ own, others } = await s.enter(room, "tybalt"));
  holds("100", codes(own).includes("100"), own);
  same("addresses that everybody sees", others.map((o) => item(o).attrs.jid), [s.juliet.full, s.romeo.full, s.nurse.full]);
  await s.juliet.configure(room, { whois: "moderators" });
  await s.see("173", (m) => roomOf(m) === room && codes(m).includes("173"), s.juliet, s.romeo, s.nurse, s.tybalt);
}

export async function enterTwoDevices(s) {
  const room = await s.room("devices", {}, "romeo");
  const phone = await s.another("romeo", "phone");
  await phone.enter(room, "romeo");
  await s.juliet.say(room, "to both");
  await s.see("a message on both devices", said(room, "juliet", "to both"), s.romeo, phone);
  await phone.leave(room, "romeo");
  await phone.until("the farewell of one device", presence(room, "romeo", { type: "unavailable" }));
  const [came] = await s.pause(room, s.juliet);
  same("farewells that Juliet saw", came.filter(presence(room, "romeo", { type: "unavailable" })).map(String), []);
  await phone.xmpp.stop();
}

export async function nick(s) {
  const room = await s.room("nick", {}, "romeo", "nurse");
  await s.romeo.send("presence", `${room}/montague`);
  await s.see("the old nick goes", presence(room, "romeo", { type: "unavailable", code: "303", nick: "montague" }), s.juliet, s.nurse, s.romeo);
  await s.see("the new nick comes", presence(room, "montague", { affiliation: "none", role: "participant" }), s.juliet, s.nurse);
  await s.romeo.until("the own new nick", presence(room, "montague", { code: "110" }));
  await s.romeo.send("presence", `${room}/nurse`);
  await s.romeo.until("a nick in use", refusal("presence", "conflict"));
  await s.romeo.say(room, "still montague");
  await s.see("the new name speaks", said(room, "montague", "still montague"), s.juliet, s.nurse);
}

export async function availability(s) {
  const room = await s.room("availability", {}, "romeo", "nurse");
  await s.romeo.send("presence", `${room}/romeo`, {}, xml("show", {}, "xa"), xml("status", {}, "gone where he is most remembered"));
  const seen = await s.see("the status", (p) => presence(room, "romeo")(p) && p.getChildText("show") === "xa", s.juliet, s.nurse, s.romeo);
  for (const p of seen) same("its text", p.getChildText("status"), "gone where he is most remembered");
}

const inviteTo = (user, room, to, reason) =>
  user.send("message", room, {}, xml("x", { xmlns: NS.user }, xml("invite", { to }, reason ? xml("reason", {}, reason) : undefined)));
const part = (m, name) => m.getChild("x", NS.user).getChild(name);

export async function invite(s) {
  const room = await s.room("invite", {}, "romeo");
  await inviteTo(s.romeo, room, s.tybalt.bare, "come in");
  const got = part(await s.tybalt.until("an invitation", fromRoom(room, "invite", NS.user)), "invite");
  same("who and why", [got.attrs.from, got.getChildText("reason")], [`${room}/romeo`, "come in"]);
  await inviteTo(s.romeo, room, `nobody@${s.romeo.domain}`);
  await s.romeo.until("an invitation that cannot arrive", refusal("message", "item-not-found"));
}

export async function inviteMembersOnly(s) {
  const room = await s.room("invite-members", { membersonly: 1 });
  await inviteTo(s.juliet, room, s.romeo.bare);
  await s.romeo.until("an invitation", fromRoom(room, "invite", NS.user));
  same("the member list", (await s.juliet.list(room, { affiliation: "member" })).map((i) => i.jid), [s.romeo.bare]);
  await s.enter(room, "romeo");
  await inviteTo(s.romeo, room, s.nurse.bare);
  await s.romeo.until("an invitation by a plain member", refusal("message", "forbidden"));
}

export async function inviteDecline(s) {
  const room = await s.room("decline", {}, "romeo");
  await inviteTo(s.romeo, room, s.tybalt.bare);
  const { from } = part(await s.tybalt.until("an invitation", fromRoom(room, "invite", NS.user)), "invite").attrs;
  await s.tybalt.send("message", room, {}, xml("x", { xmlns: NS.user }, xml("decline", { to: from }, xml("reason", {}, "as I hate hell"))));
  const got = part(await s.romeo.until("the refusal", fromRoom(room, "decline", NS.user)), "decline");
  same("who and why", [got.attrs.from.split("/")[0], got.getChildText("reason")], [s.tybalt.bare, "as I hate hell"]);
}

export async function inviteDirect(s) {
  const room = await s.room("direct", { passwordprotectedroom: 1, roomsecret: "cauldron" });
  await s.juliet.send("message", s.romeo.bare, {}, xml("x", { xmlns: "jabber:x:conference", jid: room, password: "cauldron", reason: "come in" }));
  const got = (await s.romeo.until("a direct invitation", (m) => m.getChild("x", "jabber:x:conference"))).getChild("x", "jabber:x:conference");
  await s.enter(got.attrs.jid, "romeo", xml("password", {}, got.attrs.password));
}

export async function groupchat(s) {
  const room = await s.room("groupchat", {}, "romeo", "nurse");
  await s.romeo.send("message", room, { type: "groupchat", id: "g1" }, xml("body", {}, "But soft <&> 🌹"));
  const got = await s.see("the message", said(room, "romeo", "But soft <&> 🌹"), s.juliet, s.nurse, s.romeo);
  same("its id", got.map((m) => m.attrs.id), ["g1", "g1", "g1"]);
  same("stanza ids", new Set(got.map((m) => m.getChild("stanza-id", NS.sid).attrs.id)).size, 1);
  await s.tybalt.say(room, "from outside");
  await s.tybalt.until("the refusal of who is not in the room", refusal("message", "not-acceptable"));
}

export async function privateMessage(s) {
  const room = await s.room("private", {}, "romeo", "nurse");
  await s.romeo.send("message", `${room}/juliet`, { type: "chat" }, xml("body", {}, "psst"));
  const got = await s.juliet.until("a private message", (m) => m.is("message") && m.getChildText("body") === "psst");
  same("its sender and type", [got.attrs.from, got.attrs.type], [`${room}/romeo`, "chat"]);
  const [came] = await s.pause(room, s.nurse);
  same("what the nurse saw of it", came.map(String), []);
  await s.romeo.send("message", `${room}/nobody`, { type: "chat" }, xml("body", {}, "psst"));
  await s.romeo.until("nobody of that nick", refusal("message", "item-not-found"));
}

export async function leave(s) {
  const room = await s.room("leave", {}, "romeo", "nurse");
  await s.romeo.leave(room, "romeo", xml("status", {}, "good night"));
  await s.romeo.until("the own farewell", presence(room, "romeo", { type: "unavailable", code: "110", role: "none" }));
  for (const p of await s.see("the farewell", presence(room, "romeo", { type: "unavailable" }), s.juliet, s.nurse)) {
    same("its text", p.getChildText("status"), "good night");
  }
  await s.romeo.say(room, "still here?");
  await s.romeo.until("the refusal afterwards", refusal("message", "not-acceptable"));
}

export async function disconnect(s) {
  const room = await s.room("disconnect", {}, "romeo");
  const phone = await s.another("nurse", "phone");
  await phone.enter(room, "nurse");
  await s.see("the nurse enters", presence(room, "nurse"), s.juliet, s.romeo);
  await phone.xmpp.stop();
  await s.see("the nurse goes offline", presence(room, "nurse", { type: "unavailable" }), s.juliet, s.romeo);
}

const registerAs = (user, room, nick) =>
  user.ask("set", room, xml("query", { xmlns: NS.register }, submit(`${NS.muc}#register`, { "muc#register_roomnick": nick })));

// answerForm approves a request that the room put to a moderator or admin.
async function answerForm(user, room, allow) {
  const form = (await user.until("the request", fromRoom(room, "x", NS.form))).getChild("x", NS.form);
  await user.send("message", room, {}, fill(form, { [allow]: 1 }));
  return Object.fromEntries(form.getChildren("field").map((f) => [f.attrs.var, f.getChildText("value")]));
}

export async function register(s) {
  const room = await s.room("register", {});
  const asked = await s.romeo.ask("get", room, xml("query", { xmlns: NS.register }));
  const vars = asked.getChild("query").getChild("x", NS.form).getChildren("field").map((f) => f.attrs.var);
  holds("the form", vars.includes("muc#register_roomnick"), asked);
  await registerAs(s.romeo, room, "montague");
  const fields = await answerForm(s.juliet, room, "muc#register_allow");
  same("the form's type", fields.FORM_TYPE, `${NS.muc}#register`);
  const told = await s.romeo.until("101: a member now", (m) => m.attrs.from === room && codes(m).includes("101"));
  same("the affiliation", item(told).attrs.affiliation, "member");
  same("the member list", (await s.juliet.list(room, { affiliation: "member" })).map((i) => i.jid), [s.romeo.bare]);
  const done = await s.romeo.ask("get", room, xml("query", { xmlns: NS.register }));
  holds("registered", done.getChild("query").getChild("registered"), done);
  await refused("the same nick for another", "conflict", registerAs(s.nurse, room, "montague"));
  await s.romeo.ask("set", room, xml("query", { xmlns: NS.register }, xml("remove")));
  same("the member list afterwards", await s.juliet.list(room, { affiliation: "member" }), []);
}

export async function reservedNick(s) {
  const room = await s.room("reserved", {});
  const mine = async (user) => (await user.info(room, "x-roomuser-item")).identities.map((i) => i.name);
  same("none yet", await mine(s.romeo), []);
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "member" });
  await registerAs(s.romeo, room, "montague");
  same("the own", await mine(s.romeo), ["montague"]);
  same("another's", await mine(s.nurse), []);
  await refused("a reserved nick", "conflict", s.nurse.enter(room, "montague"));
  await s.romeo.enter(room, "montague");
}

export async function voiceRequest(s) {
  const room = await s.room("voice-request", { moderatedroom: 1 });
  const { own } = await s.enter(room, "romeo");
  same("the role", item(own).attrs.role, "visitor");
  await s.romeo.say(room, "mute");
  await s.romeo.until("no voice", refusal("message", "forbidden"));
  await s.romeo.send("message", room, {}, submit(`${NS.muc}#request`, { "muc#role": "participant" }));
  const fields = await answerForm(s.juliet, room, "muc#request_allow");
  same("who asks", [fields["muc#roomnick"], fields["muc#jid"]], ["romeo", s.romeo.full]);
  await s.see("voice", presence(room, "romeo", { role: "participant" }), s.juliet, s.romeo);
  await s.romeo.say(room, "I speak");
  await s.juliet.until("the voice", said(room, "romeo", "I speak"));
}
