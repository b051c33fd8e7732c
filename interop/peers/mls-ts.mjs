// Drives mls-ts (OpenMLS as WebAssembly) for the tests of interop/. It tells neither epoch nor epoch authenticator, so
// exported secrets are compared.
import { MlsClient } from "mls-ts";
import { bytes, serve, text, Unsupported } from "./rpc.mjs";

const members = new Map();
const member = (r) => members.get(r.member);
const utf8 = (s) => Buffer.from(bytes(s)).toString("utf8");

function status(m) {
  try {
    return { epoch: -1, exporter: text(m.group.exportKey("interop", new Uint8Array([1, 2, 3]), 32)) };
  } catch (e) {
    if (/evicted|inactive|UseAfterEviction/i.test(String(e))) return { removed: true };
    throw e;
  }
}

const unknown = (what) => {
  throw new Unsupported(`its API cannot ${what}`);
};

serve({
  async member(r) {
    const m = { client: new MlsClient(utf8(r.identity)) };
    m.kp = m.client.keyPackage();
    members.set(r.member, m);
    return { keyPackage: text(new Uint8Array([0, 1, 0, 5, ...m.kp])) };
  },

  async create(r) {
    if (r.extensions) unknown("give a group extensions");
    const m = member(r);
    m.group = m.client.createGroup(utf8(r.group));
    return status(m);
  },

  async join(r) {
    const m = member(r);
    m.group = m.client.joinGroup(bytes(r.welcome), bytes(r.tree));
    return status(m);
  },

  async externalJoin() {
    unknown("join by external commit");
  },

  async groupInfo() {
    unknown("make a GroupInfo");
  },

  async propose() {
    unknown("send a proposal alone");
  },

  // A commit is always that of one Add, which is proposed first.
  async commit(r) {
    const list = r.proposals ?? [];
    if (list.length !== 1 || list[0].type !== "add") unknown("commit anything but one Add");
    if (r.private) unknown("choose how handshakes are sent");
    const m = member(r);
    const done = m.group.add(bytes(list[0].keyPackage).subarray(4));
    return {
      ...status(m),
      proposal: text(done.proposal),
      commit: text(done.commit),
      welcome: text(done.welcome),
      tree: text(done.ratchetTree),
    };
  },

  async process(r) {
    const m = member(r);
    const data = m.group.receive(bytes(r.message));
    return data.length ? { data: text(data) } : status(m);
  },

  async encrypt(r) {
    return { message: text(member(r).group.send(bytes(r.data))) };
  },

  async subgroup() {
    unknown("make a group that branches off or follows another");
  },

  async joinSubgroup() {
    unknown("enter a group that branches off or follows another");
  },

  async psk() {
    unknown("take external PSKs");
  },

  async proposeJoin() {
    unknown("propose its own Add");
  },

  async proposeOutside() {
    unknown("act as an external sender");
  },
});
