// XEP-0045 §10: creating, configuring and destroying rooms.
import { NS, codes, holds, item, presence, refused, roomOf, same, xml } from "./user.mjs";

const cancel = (user, room) => user.ask("set", room, xml("query", { xmlns: NS.owner }, xml("x", { xmlns: NS.form, type: "cancel" })));

export async function createInstant(s) {
  const room = s.name("instant");
  const { own } = await s.juliet.enter(room, "juliet");
  holds("201", presence(room, "juliet", { code: "201", affiliation: "owner", role: "moderator" })(own), own);
  await s.juliet.ask("set", room, xml("query", { xmlns: NS.owner }, xml("x", { xmlns: NS.form, type: "submit" })));
  await s.enter(room, "romeo");
}

export async function createReserved(s) {
  const room = s.name("reserved-room");
  const { own } = await s.juliet.enter(room, "juliet");
  holds("201", codes(own).includes("201"), own);
  const vars = (await s.juliet.form(room)).getChildren("field").map((f) => f.attrs.var);
  const wanted = ["allowinvites", "allowpm", "changesubject", "enablelogging", "getmemberlist", "lang", "maxusers", "membersonly",
    "moderatedroom", "passwordprotectedroom", "persistentroom", "publicroom", "roomadmins", "roomdesc", "roomname", "roomowners",
    "roomsecret", "whois", "pubsub"].map((f) => `muc#roomconfig_${f}`);
  same("fields that the form lacks", wanted.filter((f) => !vars.includes(f)), []);
  await s.juliet.configure(room, { roomname: "The garden", persistentroom: 1, roomadmins: [s.romeo.bare] });
  same("admins by the form", (await s.juliet.list(room, { affiliation: "admin" })).map((i) => i.jid), [s.romeo.bare]);
  const entered = await s.enter(room, "romeo");
  same("an admin enters", [item(entered.own).attrs.affiliation, item(entered.own).attrs.role], ["admin", "moderator"]);
}

export async function createCancel(s) {
  const room = s.name("cancelled");
  await s.juliet.enter(room, "juliet");
  await cancel(s.juliet, room);
  await s.juliet.until("the end of the room", presence(room, "juliet", { type: "unavailable" }));
  await refused("the room afterwards", "item-not-found", s.juliet.info(room));
}

const nameOf = async (user, room) => (await user.info(room)).identities[0].name;

export async function configure(s) {
  const room = await s.room("configure", {}, "romeo");
  await s.juliet.configure(room, { roomname: "The orchard", roomdesc: "walls are high", moderatedroom: 1 });
  await s.see("104: changed", (m) => m.attrs.from === room && codes(m).includes("104"), s.juliet, s.romeo);
  same("the name", await nameOf(s.romeo, room), "The orchard");
  const { features } = await s.romeo.info(room);
  for (const f of ["muc_moderated", "muc_open", "muc_temporary"]) holds(f, features.includes(f), features);
  const field = (await s.juliet.form(room)).getChildren("field").find((f) => f.attrs.var === "muc#roomconfig_roomdesc");
  same("the form shows it", field.getChildText("value"), "walls are high");
  await refused("for a guest", "forbidden", s.romeo.form(room));
  await refused("a half-valid form", "not-acceptable", s.juliet.configure(room, { roomname: "nothing of this", whois: "nobody" }));
  same("the name afterwards", await nameOf(s.romeo, room), "The orchard");
}

export async function configureCancel(s) {
  const room = await s.room("configure-cancel", { roomname: "The garden" }, "romeo");
  await cancel(s.juliet, room);
  same("the name", await nameOf(s.romeo, room), "The garden");
  await s.romeo.say(room, "still here");
  await s.juliet.until("the room goes on", (m) => roomOf(m) === room && m.getChildText("body") === "still here");
}

export async function destroy(s) {
  const room = await s.room("destroy", { persistentroom: 1 }, "romeo");
  const venue = s.name("venue");
  const order = () => xml("query", { xmlns: NS.owner }, xml("destroy", { jid: venue }, xml("reason", {}, "macbeth")));
  await refused("by a guest", "forbidden", s.romeo.ask("set", room, order()));
  await s.juliet.ask("set", room, order());
  for (const who of ["romeo", "juliet"]) {
    const seen = await s[who].until("the end", presence(room, who, { type: "unavailable", affiliation: "none", role: "none" }));
    const end = seen.getChild("x", NS.user).getChild("destroy");
    same("venue and reason", [end.attrs.jid, end.getChildText("reason")], [venue, "macbeth"]);
  }
  const { stanza } = await refused("entering afterwards", "gone", s.romeo.enter(room, "romeo"));
  same("where to", stanza.getChild("error").getChildText("gone"), `xmpp:${venue}?join`);
  await refused("looking afterwards", "gone", s.nurse.info(room));
}

export async function temporary(s) {
  const room = await s.room("temporary", {}, "romeo");
  for (const who of ["romeo", "juliet"]) {
    await s[who].leave(room, who);
    await s[who].until("the farewell", presence(room, who, { type: "unavailable", code: "110" }));
  }
  await refused("an empty temporary room", "item-not-found", s.romeo.info(room));
}
