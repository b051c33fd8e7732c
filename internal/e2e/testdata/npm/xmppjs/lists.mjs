// XEP-0045 §9 and §10.3 to §10.8: affiliations. Every change is followed by a look at every list: affiliation, address, reason, order.
import { codes, item, presence, refused, said, same, why } from "./user.mjs";

// all reads all four lists as Juliet; want maps an affiliation to addresses, or pairs of address and reason, in order.
async function all(s, what, room, want) {
  want = { owner: [s.juliet.bare], ...want };
  for (const affiliation of ["owner", "admin", "member", "outcast"]) {
    const got = (await s.juliet.list(room, { affiliation })).map((i) => [i.affiliation, i.jid, i.reason]);
    same(`${what}: list ${affiliation}`, got, (want[affiliation] ?? []).map((w) => [affiliation, [w].flat()[0], [w].flat()[1] ?? ""]));
  }
}

// told: somebody who is not present hears of another affiliation.
const told = (room, affiliation) => (m) =>
  m.is("message") && m.attrs.from === room && codes(m).includes("101") && item(m).attrs.affiliation === affiliation;

export async function ban(s) {
  const room = await s.room("ban", {}, "romeo", "nurse");
  await refused("by a guest", "forbidden", s.romeo.change(room, { jid: s.nurse.bare, affiliation: "outcast" }));
  await refused("oneself", "conflict", s.juliet.change(room, { jid: s.juliet.bare, affiliation: "outcast" }));
  await all(s, "before", room, {});
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "outcast", reason: "treason" });
  const seen = await s.see("the ban", presence(room, "romeo", { code: "301", type: "unavailable", affiliation: "outcast", role: "none" }),
    s.romeo, s.juliet, s.nurse);
  same("110", seen.map((p) => codes(p).includes("110")), [true, false, false]);
  for (const p of seen) same("reason and actor", why(p), { reason: "treason", actor: "juliet" });
  await all(s, "after it", room, { outcast: [[s.romeo.bare, "treason"]] });
  await refused("entering", "forbidden", s.romeo.enter(room, "romeo"));
  await s.juliet.change(room, { jid: s.nurse.bare, affiliation: "admin" });
  await refused("an owner by an admin", "not-allowed", s.nurse.change(room, { jid: s.juliet.bare, affiliation: "outcast" }));
  await all(s, "in the end", room, { outcast: [[s.romeo.bare, "treason"]], admin: [s.nurse.bare] });
}

export async function banList(s) {
  const room = await s.room("ban-list", {}, "romeo");
  const absent = ["zephyr", "absalom", "mercutio"].map((who) => `${who}@${s.romeo.domain}`);
  const [zephyr, absalom, mercutio] = absent;
  for (const [i, jid] of absent.entries()) await s.juliet.change(room, { jid, affiliation: "outcast", reason: `reason ${i} <&>` });
  await all(s, "absent users", room, { outcast: [[absalom, "reason 1 <&>"], [mercutio, "reason 2 <&>"], [zephyr, "reason 0 <&>"]] });
  await s.juliet.change(room, { jid: zephyr, affiliation: "outcast", reason: "another reason" });
  const outcast = [[absalom, "reason 1 <&>"], [mercutio, "reason 2 <&>"], [zephyr, "another reason"]];
  await all(s, "another reason", room, { outcast });
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "outcast" });
  await s.romeo.until("the ban", presence(room, "romeo", { code: "301", type: "unavailable" }));
  s.gone(room, "romeo");
  await all(s, "without a reason", room, { outcast: [...outcast, [s.romeo.bare, ""]].sort() });
  await s.juliet.change(room, { jid: absalom, affiliation: "none" }, { jid: s.romeo.bare, affiliation: "member" });
  const two = { outcast: outcast.slice(1), member: [s.romeo.bare] };
  await all(s, "two lifted in one", room, two);
  await refused("a list with oneself", "conflict",
    s.juliet.change(room, { jid: mercutio, affiliation: "none" }, { jid: s.juliet.bare, affiliation: "outcast" }));
  await refused("an unknown affiliation", "bad-request", s.juliet.change(room, { jid: mercutio, affiliation: "none" }, { jid: zephyr, affiliation: "enemy" }));
  await all(s, "nothing of a bad list is done", room, two);
  await s.enter(room, "romeo");
  await refused("the list for a member", "forbidden", s.romeo.list(room, { affiliation: "outcast" }));
  for (const jid of [zephyr, mercutio]) await s.juliet.change(room, { jid, affiliation: "none" });
  await all(s, "empty", room, { member: [s.romeo.bare] });
}

export async function membership(s) {
  const room = await s.room("membership", {}, "romeo", "nurse");
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "member", reason: "one of us" });
  for (const p of await s.see("a member", presence(room, "romeo", { affiliation: "member", role: "participant" }), s.romeo, s.juliet, s.nurse)) {
    same("reason", why(p).reason, "one of us");
  }
  await all(s, "after it", room, { member: [s.romeo.bare] });
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "none" });
  await s.see("a member no more", presence(room, "romeo", { affiliation: "none", role: "participant" }), s.romeo, s.juliet, s.nurse);
  await all(s, "revoked", room, {});
  await s.juliet.change(room, { nick: "nurse", affiliation: "member" });
  await s.see("by nick", presence(room, "nurse", { affiliation: "member" }), s.romeo, s.juliet, s.nurse);
  await s.juliet.change(room, { jid: s.tybalt.bare, affiliation: "member" });
  await s.tybalt.until("told in his absence", told(room, "member"));
  await all(s, "absent", room, { member: [s.nurse.bare, s.tybalt.bare] });
  await s.juliet.configure(room, { membersonly: 1 });
  let [own] = await s.see("322: not a member", presence(room, "romeo", { code: "322", type: "unavailable" }), s.romeo, s.juliet, s.nurse);
  same("110", codes(own).includes("110"), true);
  await s.juliet.change(room, { jid: s.nurse.bare, affiliation: "none" });
  [own] = await s.see("321: a member no more", presence(room, "nurse", { code: "321", type: "unavailable" }), s.nurse, s.juliet);
  same("110", codes(own).includes("110"), true);
  await all(s, "in the end", room, { member: [s.tybalt.bare] });
}

export async function memberList(s) {
  const room = await s.room("member-list", {}, "romeo", "nurse");
  await refused("for a guest", "forbidden", s.nurse.list(room, { affiliation: "member" }));
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "member" }, { jid: s.tybalt.bare, affiliation: "member" });
  await all(s, "two", room, { member: [s.romeo.bare, s.tybalt.bare] });
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "none" }, { jid: s.nurse.bare, affiliation: "member" });
  for (const [who, affiliation] of [["romeo", "none"], ["nurse", "member"]]) {
    for (const user of [s.juliet, s.romeo, s.nurse]) await user.until(`${who} is ${affiliation}`, presence(room, who, { affiliation }), true);
  }
  await all(s, "changed", room, { member: [s.nurse.bare, s.tybalt.bare] });
  await s.juliet.configure(room, { membersonly: 1 });
  await refused("for a member, since it names people", "forbidden", s.nurse.list(room, { affiliation: "member" }));
  await s.juliet.configure(room, { whois: "anyone" });
  same("a member reads it in a members-only room that names them anyway", (await s.nurse.list(room, { affiliation: "member" })).map((i) => i.jid),
    [s.nurse.bare, s.tybalt.bare]);
}

async function raised(s, affiliation) {
  const room = await s.room(affiliation, {}, "romeo", "nurse");
  await refused("by a guest", "forbidden", s.romeo.change(room, { jid: s.romeo.bare, affiliation }));
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation, reason: "rise" });
  for (const p of await s.see("up", presence(room, "romeo", { affiliation, role: "moderator" }), s.romeo, s.juliet, s.nurse)) {
    same("reason", why(p).reason, "rise");
  }
  return room;
}

export async function admin(s) {
  const room = await raised(s, "admin");
  await all(s, "up", room, { admin: [s.romeo.bare] });
  await s.romeo.change(room, { jid: s.nurse.bare, affiliation: "member" });
  await s.see("the admin acts", presence(room, "nurse", { affiliation: "member" }), s.romeo, s.juliet, s.nurse);
  await refused("an admin by an admin", "forbidden", s.romeo.change(room, { jid: s.nurse.bare, affiliation: "admin" }));
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "member" });
  await s.see("down", presence(room, "romeo", { affiliation: "member", role: "participant" }), s.romeo, s.juliet, s.nurse);
  await all(s, "down", room, { member: [s.nurse.bare, s.romeo.bare] });
}

export async function adminList(s) {
  const room = await s.room("admin-list", {}, "romeo");
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "admin" }, { jid: s.tybalt.bare, affiliation: "admin" });
  await s.see("up", presence(room, "romeo", { affiliation: "admin", role: "moderator" }), s.romeo, s.juliet);
  await s.tybalt.until("told in his absence", told(room, "admin"));
  await all(s, "two", room, { admin: [s.romeo.bare, s.tybalt.bare] });
  await refused("changed by an admin", "forbidden", s.romeo.change(room, { jid: s.tybalt.bare, affiliation: "none" }));
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "none" }, { jid: s.nurse.bare, affiliation: "admin" });
  await all(s, "changed", room, { admin: [s.nurse.bare, s.tybalt.bare] });
}

export async function owner(s) {
  const room = await raised(s, "owner");
  await all(s, "up", room, { owner: [s.juliet.bare, s.romeo.bare] });
  await s.romeo.configure(room, { roomname: "ours" });
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "admin" });
  await s.see("down", presence(room, "romeo", { affiliation: "admin", role: "moderator" }), s.romeo, s.juliet, s.nurse);
  await refused("the form for who is no owner any more", "forbidden", s.romeo.form(room));
  await refused("the last owner", "conflict", s.juliet.change(room, { jid: s.juliet.bare, affiliation: "admin" }));
  await all(s, "in the end", room, { admin: [s.romeo.bare] });
}

export async function ownerList(s) {
  const room = await s.room("owner-list", {}, "romeo");
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "owner" }, { jid: s.tybalt.bare, affiliation: "owner" });
  const three = { owner: [s.juliet.bare, s.romeo.bare, s.tybalt.bare] };
  await all(s, "three", room, three);
  await refused("all owners away", "conflict", s.juliet.change(room, ...three.owner.map((jid) => ({ jid, affiliation: "none" }))));
  await all(s, "nothing of it was done", room, three);
  await s.juliet.change(room, { jid: s.romeo.bare, affiliation: "none" }, { jid: s.tybalt.bare, affiliation: "member" });
  await s.see("down", presence(room, "romeo", { affiliation: "none", role: "participant" }), s.romeo, s.juliet);
  await all(s, "in the end", room, { member: [s.tybalt.bare] });
}

export async function listsBeforeRestart(s) {
  const room = await s.room("restart", { persistentroom: 1 }, "romeo", "nurse");
  const at = (who) => `${who}@${s.romeo.domain}`;
  for (const change of [
    { jid: at("zephyr"), affiliation: "outcast", reason: "last <&>" }, { jid: at("absalom"), affiliation: "outcast", reason: "first" },
    { jid: at("mercutio"), affiliation: "member" }, { jid: s.romeo.bare, affiliation: "admin" }, { jid: s.tybalt.bare, affiliation: "outcast" },
  ]) await s.juliet.change(room, change);
  await s.see("an admin", presence(room, "romeo", { affiliation: "admin" }), s.juliet, s.romeo, s.nurse);
  s.kept.restart = {
    outcast: [[at("absalom"), "first"], [s.tybalt.bare, ""], [at("zephyr"), "last <&>"]].sort(),
    member: [at("mercutio")], admin: [s.romeo.bare],
  };
  await all(s, "before", room, s.kept.restart);
}

export async function listsAfterRestart(s) {
  const room = s.name("restart");
  const want = s.kept.restart;
  await all(s, "after", room, want);
  await refused("still banned", "forbidden", s.tybalt.enter(room, "tybalt"));
  // Nobody has joined again: everybody is where they were.
  await s.nurse.say(room, "still here");
  await s.see("a message", said(room, "nurse", "still here"), s.juliet, s.romeo, s.nurse);
  await s.romeo.change(room, { jid: s.tybalt.bare, affiliation: "none" });
  await all(s, "changed", room, { ...want, outcast: want.outcast.filter(([jid]) => jid !== s.tybalt.bare) });
  await s.enter(room, "tybalt");
}
