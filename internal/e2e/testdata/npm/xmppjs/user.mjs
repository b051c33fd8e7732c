// One XMPP account in an unmodified xmpp.js: what arrived, waiting for it, and the questions that operations ask.
import { client, xml, jid } from "@xmpp/client";
import { isDeepStrictEqual } from "node:util";

export { xml };
export const STEP = 120_000;
export const NS = {
  client: "jabber:client",
  muc: "http://jabber.org/protocol/muc",
  user: "http://jabber.org/protocol/muc#user",
  admin: "http://jabber.org/protocol/muc#admin",
  owner: "http://jabber.org/protocol/muc#owner",
  config: "http://jabber.org/protocol/muc#roomconfig",
  info: "http://jabber.org/protocol/disco#info",
  items: "http://jabber.org/protocol/disco#items",
  form: "jabber:x:data",
  register: "jabber:iq:register",
  delay: "urn:xmpp:delay",
  ping: "urn:xmpp:ping",
  mam: "urn:xmpp:mam:2",
  rsm: "http://jabber.org/protocol/rsm",
  sid: "urn:xmpp:sid:0",
  retract: "urn:xmpp:message-retract:1",
  moderate: "urn:xmpp:message-moderate:1",
  occupant: "urn:xmpp:occupant-id:0",
};

export const roomOf = (stanza) => stanza.attrs.from?.split("/")[0];
export const codes = (s) => (s.getChild("x", NS.user)?.getChildren("status") ?? []).map((c) => c.attrs.code);
export const item = (s) => s.getChild("x", NS.user)?.getChild("item");
export const why = (s) => ({ reason: item(s).getChildText("reason"), actor: item(s).getChild("actor")?.attrs.nick });

// presence matches one of an occupant: type, a status code, attributes of the item.
export function presence(room, who, { code, type, ...attrs } = {}) {
  return (s) =>
    s.is("presence") && s.attrs.from === `${room}/${who}` && s.attrs.type === type && (!code || codes(s).includes(code)) &&
    Object.entries(attrs).every(([name, value]) => item(s)?.attrs[name] === value);
}

export const said = (room, who, text) => (s) =>
  s.is("message") && s.attrs.type === "groupchat" && s.attrs.from === `${room}/${who}` && s.getChildText("body") === text;

// fromRoom matches a message of the room itself with such a child, or a child of its x.
export const fromRoom = (room, name, ns) => (s) =>
  s.is("message") && s.attrs.from === room && (s.getChild(name, ns) ?? s.getChild("x", ns)?.getChild(name)) !== undefined;

export const refusal = (kind, condition) => (s) => s.is(kind) && s.attrs.type === "error" && s.getChild("error").getChild(condition);

export function same(what, got, want) {
  if (!isDeepStrictEqual(got, want)) throw new Error(`${what}: ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

export function holds(what, condition, stanza) {
  if (!condition) throw new Error(`${what}: ${stanza}`);
}

// refused awaits a refusal with exactly this condition.
export async function refused(what, condition, promise) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    if (error.condition === undefined) throw error;
    same(what, error.condition, condition);
    return error;
  }
  throw new Error(`${what}: no error but ${answer}`);
}

class Refused extends Error {
  constructor(stanza) {
    super(`refused: ${stanza}`);
    this.stanza = stanza;
    this.condition = stanza.getChild("error").children.find((e) => e.name !== "text").name;
  }
}

export class User {
  constructor(service, address, password, resource) {
    const account = jid(address);
    this.bare = account.bare().toString();
    this.full = `${this.bare}/${resource}`;
    this.domain = account.domain;
    this.xmpp = client({ service, domain: account.domain, username: account.local, password, resource });
    this.xmpp.reconnect.stop();
    this.seen = [];
    this.waiting = new Set();
    this.xmpp.on("error", (error) => console.error(error));
    this.xmpp.on("stanza", (stanza) => {
      if (stanza.is("iq")) return;
      this.seen.push(stanza);
      for (const look of [...this.waiting]) look();
    });
  }

  async start() {
    await this.xmpp.start();
    await this.xmpp.send(xml("presence"));
    return this;
  }

  // until waits for a stanza and takes it, and unless keep what of the same room came before it, out of the log.
  until(what, match, keep = false) {
    return new Promise((resolve, reject) => {
      const end = (result) => {
        clearTimeout(timer);
        this.waiting.delete(look);
        result();
      };
      const look = () => {
        const i = this.seen.findIndex(match);
        if (i < 0) return;
        const found = this.seen[i];
        this.seen.splice(0, i + 1, ...this.seen.slice(0, i).filter((s) => keep || roomOf(s) !== roomOf(found)));
        end(() => resolve(found));
      };
      const timer = setTimeout(
        () => end(() => reject(new Error(`${this.full}: ${what}: not seen; what came instead:\n${this.seen.slice(-6).join("\n")}`))),
        STEP,
      );
      this.waiting.add(look);
      look();
    });
  }

  // before waits for a message and returns everything of the room that came here before it: rooms keep the order.
  async before(room, who, text) {
    const came = [];
    for (;;) {
      const stanza = await this.until(`"${text}" of ${who}`, (s) => roomOf(s) === room);
      if (said(room, who, text)(stanza)) return came;
      came.push(stanza);
    }
  }

  send(name, to, attrs = {}, ...children) {
    return this.xmpp.send(xml(name, { to, ...attrs }, ...children));
  }

  say(room, text) {
    return this.send("message", room, { type: "groupchat", id: `m${Math.random()}` }, xml("body", {}, text));
  }

  // enter joins and returns everything until the subject, which ends a join: others, own, history, subject.
  async enter(room, nick, ...payload) {
    this.seen = this.seen.filter((s) => roomOf(s) !== room);
    await this.send("presence", `${room}/${nick}`, {}, xml("x", { xmlns: NS.muc }, ...payload));
    const came = { others: [], history: [] };
    for (;;) {
      const s = await this.until("the join", (s) => roomOf(s) === room);
      if (s.attrs.type === "error") throw new Refused(s);
      if (s.is("presence") && s.attrs.from === room) came.room = s;
      else if (s.is("presence") && codes(s).includes("110")) came.own = s;
      else if (s.is("presence")) came.others.push(s);
      else if (s.getChild("subject") && !s.getChild("body")) return { ...came, subject: s };
      else came.history.push(s);
    }
  }

  leave(room, nick, ...payload) {
    return this.send("presence", `${room}/${nick}`, { type: "unavailable" }, ...payload);
  }

  ask(type, to, payload) {
    return this.xmpp.iqCaller.request(xml("iq", { type, to }, payload), STEP);
  }

  // change sends items of muc#admin; each may have a reason.
  change(room, ...items) {
    const elements = items.map(({ reason, ...attrs }) => xml("item", attrs, reason ? xml("reason", {}, reason) : undefined));
    return this.ask("set", room, xml("query", { xmlns: NS.admin }, ...elements));
  }

  // list is a list of affiliations or roles: attributes and reason of each item, in the service's order.
  async list(room, attrs) {
    const answer = await this.ask("get", room, xml("query", { xmlns: NS.admin }, xml("item", attrs)));
    return answer.getChild("query", NS.admin).getChildren("item").map((i) => ({ ...i.attrs, reason: i.getChildText("reason") ?? "" }));
  }

  async form(room) {
    const answer = await this.ask("get", room, xml("query", { xmlns: NS.owner }));
    return answer.getChild("query", NS.owner).getChild("x", NS.form);
  }

  // configure fills in the form as a person does: asks for it, changes some fields, sends all back.
  async configure(room, values = {}) {
    const form = fill(await this.form(room), Object.fromEntries(Object.entries(values).map(([k, v]) => [`muc#roomconfig_${k}`, v])));
    return this.ask("set", room, xml("query", { xmlns: NS.owner }, form));
  }

  async info(to, node) {
    const query = (await this.ask("get", to, xml("query", { xmlns: NS.info, node }))).getChild("query", NS.info);
    return {
      identities: query.getChildren("identity").map((i) => i.attrs),
      features: query.getChildren("feature").map((f) => f.attrs.var),
      fields: Object.fromEntries((query.getChild("x", NS.form)?.getChildren("field") ?? []).map((f) => [f.attrs.var, f.getChildText("value")])),
    };
  }
}

// fill is a form submitted with some values in place of those that it had.
export function fill(form, values) {
  const known = new Set(form.getChildren("field").map((f) => f.attrs.var));
  for (const name of Object.keys(values)) if (!known.has(name)) throw new Error(`the form has no ${name}`);
  const fields = form.getChildren("field").filter((f) => f.attrs.var).map((f) => {
    const given = values[f.attrs.var];
    const all = given === undefined ? f.getChildren("value").map((v) => v.text()) : [given].flat().map(String);
    return xml("field", { var: f.attrs.var }, ...all.map((v) => xml("value", {}, v)));
  });
  return xml("x", { xmlns: NS.form, type: "submit" }, ...fields);
}

export const submit = (type, values) =>
  xml("x", { xmlns: NS.form, type: "submit" },
    ...Object.entries({ FORM_TYPE: type, ...values }).map(([name, value]) => xml("field", { var: name }, xml("value", {}, value))));
