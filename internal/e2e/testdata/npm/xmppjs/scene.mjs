// What the operations have in common: the people, and rooms that begin configured and with people in them.
import { User, holds, presence } from "./user.mjs";

const names = ["juliet", "romeo", "nurse", "tybalt"];

// A scene: Juliet owns every room; Romeo, the nurse and Tybalt enter by their names as nicks.
export class Scene {
  constructor(url, service, domain, prefix, password) {
    Object.assign(this, { url, service, domain, prefix, password, pauses: 0, there: new Map(), kept: {} });
  }

  async start() {
    for (const name of names) this[name] = await this.another(name, "xmppjs");
    return this;
  }

  async stop() {
    for (const name of names) await this[name].xmpp.stop();
  }

  // another device of somebody
  another(name, resource) {
    return new User(this.url, `${this.prefix}-${name}@${this.domain}`, this.password, resource).start();
  }

  name(name) {
    return `${this.prefix}-${name}@${this.service}`;
  }

  // room is a new one of Juliet's, configured before anybody else enters (XEP-0045 §10.1).
  async room(name, config, ...guests) {
    const room = this.name(name);
    const { own } = await this.juliet.enter(room, "juliet");
    holds("the creator's presence", presence(room, "juliet", { code: "201", affiliation: "owner", role: "moderator" })(own), own);
    await this.juliet.configure(room, config);
    for (const guest of guests) await this.enter(room, guest);
    return room;
  }

  inside(room) {
    if (!this.there.has(room)) this.there.set(room, new Set(["juliet"]));
    return this.there.get(room);
  }

  // enter lets somebody enter and waits until everybody who is there knows.
  async enter(room, who, ...payload) {
    const result = await this[who].enter(room, who, ...payload);
    for (const other of this.inside(room)) {
      if (other !== who) await this[other].until(`${who} enters`, presence(room, who));
    }
    this.inside(room).add(who);
    return result;
  }

  gone(room, who) {
    this.inside(room).delete(who);
  }

  // pause lets Juliet speak and returns what each of these people got before they heard it.
  async pause(room, ...people) {
    const text = `pause ${++this.pauses}`;
    await this.juliet.say(room, text);
    return Promise.all(people.map((p) => p.before(room, "juliet", text)));
  }

  // see: all of these people see the same; returns what each saw.
  see(what, match, ...people) {
    return Promise.all(people.map((p) => p.until(what, match)));
  }
}
