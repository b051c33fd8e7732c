// What stands beside XEP-0045 in a room: disco, archive, moderation, retraction, self-ping, avatar, occupant ids.
import { createHash } from "node:crypto";
import { NS, codes, holds, presence, refusal, refused, roomOf, said, same, xml } from "./user.mjs";

export async function disco(s) {
  const room = await s.room("disco", { roomname: "The garden", publicroom: 1 }, "romeo");
  const service = await s.nurse.info(s.service);
  holds("the service", service.identities.some((i) => i.category === "conference" && i.type === "text") && service.features.includes(NS.muc), service);
  const rooms = async () => {
    const answer = await s.nurse.ask("get", s.service, xml("query", { xmlns: NS.items }));
    return answer.getChild("query", NS.items).getChildren("item").filter((i) => i.attrs.jid === room).map((i) => i.attrs.name);
  };
  same("in the list of rooms", (await rooms()).map((n) => n.startsWith("The garden")), [true]);
  const { features, fields } = await s.nurse.info(room);
  for (const f of [NS.muc, "muc_public", "muc_open", "muc_semianonymous", "muc_unmoderated", "muc_unsecured", "muc_temporary", NS.mam,
    NS.occupant, "vcard-temp", `${NS.muc}#self-ping-optimization`]) holds(f, features.includes(f), features);
  same("occupants", fields["muc#roominfo_occupants"], "2");
  await s.juliet.configure(room, { publicroom: 0 });
  same("hidden", await rooms(), []);
}

// page reads one page of the archive: bodies, ids, and the end of the answer.
async function page(user, room, ...set) {
  const results = [];
  const collect = (m) => {
    const result = m.getChild("result", NS.mam);
    if (m.is("message") && m.attrs.from === room && result) results.push(result);
  };
  user.xmpp.on("stanza", collect);
  try {
    const answer = await user.ask("set", room, xml("query", { xmlns: NS.mam }, xml("set", { xmlns: NS.rsm }, ...set)));
    return {
      bodies: results.map((r) => r.getChild("forwarded").getChild("message").getChildText("body")),
      ids: results.map((r) => r.attrs.id),
      messages: results.map((r) => r.getChild("forwarded").getChild("message")),
      fin: answer.getChild("fin", NS.mam),
    };
  } finally {
    user.xmpp.off("stanza", collect);
  }
}
const max = (n) => xml("max", {}, String(n));

export async function archive(s) {
  const room = await s.room("archive", {}, "romeo");
  same("an empty archive", (await page(s.romeo, room, max(10))).bodies, []);
  const lines = [0, 1, 2, 3, 4, 5, 6].map((i) => `line ${i}`);
  const heard = [];
  for (const line of lines) {
    await s.romeo.say(room, line);
    heard.push(await s.juliet.until(line, said(room, "romeo", line)));
  }
  const { bodies, ids, fin } = await page(s.romeo, room, max(10));
  same("everything", bodies, lines);
  same("complete", fin.attrs.complete, "true");
  same("the ids that were heard", heard.map((m) => m.getChild("stanza-id", NS.sid).attrs.id), ids);
  const first = await page(s.romeo, room, max(3));
  same("the first page", [first.bodies, first.fin.attrs.complete === "true"], [lines.slice(0, 3), false]);
  const set = first.fin.getChild("set", NS.rsm);
  same("its place", [set.getChild("first").attrs.index, set.getChildText("last"), set.getChildText("count")], ["0", ids[2], "7"]);
  same("the second page", (await page(s.romeo, room, max(3), xml("after", {}, ids[2]))).bodies, lines.slice(3, 6));
  same("the last page", (await page(s.romeo, room, max(3), xml("before"))).bodies, lines.slice(4));
  same("the page before it", (await page(s.romeo, room, max(3), xml("before", {}, ids[4]))).bodies, lines.slice(1, 4));
  same("only the number", (await page(s.romeo, room, max(0))).fin.getChild("set", NS.rsm).getChildText("count"), "7");
  for (const side of ["after", "before"]) {
    await refused(`an unknown id ${side}`, "item-not-found", page(s.romeo, room, max(3), xml(side, {}, "no-such-id")));
  }
}

export async function archiveJoin(s) {
  // A client that reads the archive and then enters without history misses nothing and gets nothing twice.
  const room = await s.room("archive-join", {});
  await s.juliet.say(room, "before");
  await s.pause(room, s.juliet);
  same("read", (await page(s.romeo, room, max(10))).bodies.filter((b) => !b.startsWith("pause")), ["before"]);
  const { history } = await s.enter(room, "romeo", xml("history", { maxchars: 0 }));
  same("told again", history.map(String), []);
  await s.juliet.say(room, "after");
  same("between", (await s.romeo.before(room, "juliet", "after")).filter((m) => m.is("message")).map(String), []);
}

export async function retraction(s) {
  const room = await s.room("retraction", {}, "romeo");
  await s.romeo.say(room, "I take it back");
  const id = (await s.juliet.until("the message", said(room, "romeo", "I take it back"))).getChild("stanza-id", NS.sid).attrs.id;
  const retract = (user) => user.send("message", room, { type: "groupchat", id: "r1" }, xml("retract", { xmlns: NS.retract, id }));
  await retract(s.juliet);
  await s.juliet.until("somebody else's message", refusal("message", "forbidden"));
  await retract(s.romeo);
  const seen = await s.see("the retraction", (m) => m.attrs.from === `${room}/romeo` && m.getChild("retract", NS.retract), s.juliet, s.romeo);
  for (const m of seen) same("of what", m.getChild("retract").attrs.id, id);
  const { ids, messages } = await page(s.juliet, room, max(10));
  const stored = messages[ids.indexOf(id)];
  holds("a tombstone", stored.getChild("retracted", NS.retract) && !stored.getChild("body"), stored);
}

export async function moderation(s) {
  const room = await s.room("moderation", {}, "romeo", "nurse");
  await s.romeo.say(room, "a plague on both your houses");
  const id = (await s.juliet.until("the message", said(room, "romeo", "a plague on both your houses"))).getChild("stanza-id", NS.sid).attrs.id;
  const order = () => xml("moderate", { xmlns: NS.moderate, id }, xml("retract", { xmlns: NS.retract }), xml("reason", {}, "uncivil"));
  await refused("by a participant", "forbidden", s.nurse.ask("set", room, order()));
  await s.juliet.ask("set", room, order());
  for (const m of await s.see("the moderation", (m) => m.attrs.from === room && m.getChild("retract", NS.retract), s.juliet, s.romeo, s.nurse)) {
    const gone = m.getChild("retract");
    same("of what and why", [gone.attrs.id, gone.getChildText("reason")], [id, "uncivil"]);
    same("by whom", gone.getChild("moderated", NS.moderate).attrs.by, `${room}/juliet`);
  }
}

export async function selfPing(s) {
  const room = await s.room("self-ping", {}, "romeo");
  await s.romeo.ask("get", `${room}/romeo`, xml("ping", { xmlns: NS.ping }));
  await refused("of who is not there", "not-acceptable", s.nurse.ask("get", `${room}/nurse`, xml("ping", { xmlns: NS.ping })));
}

export async function avatar(s) {
  const room = await s.room("avatar", {}, "romeo");
  const picture = Buffer.from("\x89PNG not much of a picture", "latin1");
  const card = () => xml("vCard", { xmlns: "vcard-temp" }, xml("PHOTO", {}, xml("TYPE", {}, "image/png"), xml("BINVAL", {}, picture.toString("base64"))));
  await refused("by a guest", "forbidden", s.romeo.ask("set", room, card()));
  await s.juliet.ask("set", room, card());
  await s.see("104: changed", (m) => m.attrs.from === room && codes(m).includes("104"), s.juliet, s.romeo);
  const got = await s.romeo.ask("get", room, xml("vCard", { xmlns: "vcard-temp" }));
  same("the picture", got.getChild("vCard").getChild("PHOTO").getChildText("BINVAL"), picture.toString("base64"));
  same("its hash", (await s.romeo.info(room)).fields["muc#roominfo_avatarhash"], createHash("sha1").update(picture).digest("hex"));
}

export async function occupantId(s) {
  const room = await s.room("occupant-id", {}, "nurse");
  const other = await s.room("occupant-id-2", {});
  const of = (m) => m.getChild("occupant-id", NS.occupant).attrs.id;
  const { own } = await s.enter(room, "romeo");
  await s.romeo.say(room, "who am I?");
  same("on messages", of(await s.nurse.until("a message", said(room, "romeo", "who am I?"))), of(own));
  await s.romeo.send("message", room, { type: "groupchat" }, xml("body", {}, "I am another"), xml("occupant-id", { xmlns: NS.occupant, id: "x" }),
    xml("delay", { xmlns: NS.delay, from: room, stamp: "2001-01-01T00:00:00Z" }), xml("stanza-id", { xmlns: NS.sid, by: room, id: "x" }));
  const heard = await s.nurse.until("a message", said(room, "romeo", "I am another"));
  same("occupant ids", heard.getChildren("occupant-id").map((e) => e.attrs.id), [of(own)]);
  same("delays", heard.getChildren("delay").length, 0);
  same("stanza ids", heard.getChildren("stanza-id").map((e) => e.attrs.id === "x"), [false]);
  await s.romeo.leave(room, "romeo");
  await s.romeo.until("the farewell", presence(room, "romeo", { code: "110", type: "unavailable" }));
  same("under another nick", of((await s.romeo.enter(room, "montague")).own), of(own));
  holds("another in another room", of((await s.romeo.enter(other, "romeo")).own) !== of(own), roomOf(own));
}
