// XEP-0045 §8 and the roles of §9: what moderators do to those who are present.
import { NS, codes, holds, presence, refusal, refused, said, same, why, xml } from "./user.mjs";

const subjectOf = (room, who, text) => (m) =>
  m.is("message") && m.attrs.type === "groupchat" && m.attrs.from === `${room}/${who}` && m.getChildText("subject") === text && !m.getChild("body");
const setSubject = (user, room, text) => user.send("message", room, { type: "groupchat", id: "subject" }, xml("subject", {}, text));

export async function changeSubject(s) {
  const room = await s.room("subject", {}, "romeo", "nurse");
  await setSubject(s.juliet, room, "Balconies");
  await s.see("the subject", subjectOf(room, "juliet", "Balconies"), s.juliet, s.romeo, s.nurse);
  await setSubject(s.romeo, room, "Orchards");
  await s.romeo.until("a participant's subject", refusal("message", "forbidden"));
  const { subject } = await s.enter(room, "tybalt");
  holds("the subject at a join", subjectOf(room, "juliet", "Balconies")(subject) && subject.getChild("delay", NS.delay), subject);
  await s.juliet.configure(room, { changesubject: 1 });
  await setSubject(s.romeo, room, "Orchards");
  await s.see("a participant's subject", subjectOf(room, "romeo", "Orchards"), s.juliet, s.romeo, s.nurse, s.tybalt);
}

export async function kick(s) {
  const room = await s.room("kick", {}, "romeo", "nurse");
  await refused("a kick by a participant", "forbidden", s.romeo.change(room, { nick: "nurse", role: "none" }));
  await s.juliet.change(room, { nick: "romeo", role: "none", reason: "too loud" });
  const seen = await s.see("the kick", presence(room, "romeo", { code: "307", type: "unavailable", role: "none" }), s.romeo, s.juliet, s.nurse);
  same("110", seen.map((p) => codes(p).includes("110")), [true, false, false]);
  for (const p of seen) same("reason and actor", why(p), { reason: "too loud", actor: "juliet" });
  await s.romeo.say(room, "am I here?");
  await s.romeo.until("no voice outside", refusal("message", "not-acceptable"));
  s.gone(room, "romeo");
  await s.enter(room, "romeo");
  await refused("a kick of nobody", "item-not-found", s.juliet.change(room, { nick: "nobody", role: "none" }));
  await s.juliet.change(room, { jid: s.nurse.bare, affiliation: "admin" });
  await refused("a kick of an owner by an admin", "not-allowed", s.nurse.change(room, { nick: "juliet", role: "none" }));
}

export async function voice(s) {
  const room = await s.room("voice", {}, "romeo", "nurse");
  await s.juliet.change(room, { nick: "romeo", role: "visitor", reason: "hush" });
  for (const p of await s.see("voice taken", presence(room, "romeo", { role: "visitor" }), s.romeo, s.juliet, s.nurse)) {
    same("reason", why(p).reason, "hush");
  }
  await s.romeo.say(room, "mute");
  await s.romeo.until("the refusal", refusal("message", "forbidden"));
  await s.juliet.change(room, { nick: "romeo", role: "participant" });
  await s.see("voice given", presence(room, "romeo", { role: "participant" }), s.romeo, s.juliet, s.nurse);
  await s.romeo.say(room, "I speak again");
  const came = await s.nurse.before(room, "romeo", "I speak again");
  same("messages without voice that came through", came.filter(said(room, "romeo", "mute")).map(String), []);
  await refused("voice of an owner", "not-allowed", s.juliet.change(room, { nick: "juliet", role: "visitor" }));
}

const listed = async (s, room, role) => (await s.juliet.list(room, { role })).map((i) => i.nick).sort();

export async function voiceList(s) {
  const room = await s.room("voice-list", { moderatedroom: 1 }, "romeo");
  same("nobody has voice", await listed(s, room, "participant"), []);
  same("visitors", await listed(s, room, "visitor"), ["romeo"]);
  await s.enter(room, "nurse");
  await s.juliet.change(room, { nick: "romeo", role: "participant" }, { nick: "nurse", role: "participant" });
  await s.see("voice", presence(room, "romeo", { role: "participant" }), s.romeo, s.juliet, s.nurse);
  same("who has voice", await listed(s, room, "participant"), ["nurse", "romeo"]);
  await s.juliet.change(room, { nick: "romeo", role: "visitor" }, { nick: "nurse", role: "participant" });
  same("who has voice still", await listed(s, room, "participant"), ["nurse"]);
  await refused("the list for a participant", "forbidden", s.nurse.list(room, { role: "participant" }));
  await refused("a list with somebody who is not there", "item-not-found",
    s.juliet.change(room, { nick: "nurse", role: "visitor" }, { nick: "nobody", role: "visitor" }));
  same("nothing of it was done", await listed(s, room, "participant"), ["nurse"]);
}

export async function moderator(s) {
  const room = await s.room("moderator", {}, "romeo", "nurse");
  await refused("by a participant", "forbidden", s.romeo.change(room, { nick: "nurse", role: "moderator" }));
  await s.juliet.change(room, { nick: "romeo", role: "moderator", reason: "help me" });
  await s.see("a new moderator", presence(room, "romeo", { affiliation: "none", role: "moderator" }), s.romeo, s.juliet, s.nurse);
  await s.romeo.change(room, { nick: "nurse", role: "visitor" });
  await s.see("the moderator acts", presence(room, "nurse", { role: "visitor" }), s.romeo, s.juliet, s.nurse);
  await s.juliet.change(room, { nick: "romeo", role: "participant" });
  await s.see("a moderator no more", presence(room, "romeo", { role: "participant" }), s.romeo, s.juliet, s.nurse);
  await refused("afterwards", "forbidden", s.romeo.change(room, { nick: "nurse", role: "participant" }));
}

export async function moderatorList(s) {
  const room = await s.room("moderator-list", {}, "romeo", "nurse");
  same("at first", await listed(s, room, "moderator"), ["juliet"]);
  await s.juliet.change(room, { nick: "romeo", role: "moderator" });
  same("two", await listed(s, room, "moderator"), ["juliet", "romeo"]);
  await refused("for a moderator who is no admin", "forbidden", s.romeo.list(room, { role: "moderator" }));
  await s.juliet.change(room, { nick: "nurse", role: "moderator" }, { nick: "romeo", role: "participant" });
  same("changed in one", await listed(s, room, "moderator"), ["juliet", "nurse"]);
  for (const [who, role] of [["romeo", "participant"], ["nurse", "moderator"]]) { // in which order is the service's business
    for (const user of [s.juliet, s.romeo, s.nurse]) await user.until(`${who} is ${role}`, presence(room, who, { role }), true);
  }
}
