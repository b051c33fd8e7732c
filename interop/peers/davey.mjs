// Drives @snazzah/davey (OpenMLS, native) for the tests of interop/. It is a session of Discord's DAVE protocol: a group for
// one voice channel in which an external sender, the voice gateway, proposes and the members commit what is proposed.
import { createRequire } from "node:module";
import { bytes, serve, text, Unsupported } from "./rpc.mjs";

const { DAVESession } = createRequire(import.meta.url)("@snazzah/davey");

const members = new Map();
const member = (r) => members.get(r.member);
const number = (b) => Buffer.from(bytes(b)).readBigUInt64BE().toString();
const append = 0;

const unknown = (what) => {
  throw new Unsupported(`its API cannot ${what}`);
};

function status(m) {
  const s = m.session;
  const authenticator = s.getEpochAuthenticator();
  if (!authenticator || m.removed) return { removed: true };
  return { epoch: Number(s.epoch), authenticator: text(authenticator) };
}

// Vectors have their length in front, RFC 9420 §2.1.2.
function vector(b) {
  if (b.length < 64) return Buffer.from([b.length, ...b]);
  if (b.length < 1 << 14) return Buffer.from([0x40 | (b.length >> 8), b.length & 255, ...b]);
  throw new Error("too long");
}

serve({
  async member(r) {
    const m = { user: number(r.identity) };
    m.session = new DAVESession(1, m.user, number(r.group));
    m.session.setExternalSender(Buffer.from(bytes(r.externalSender)));
    members.set(r.member, m);
    return { keyPackage: text(new Uint8Array([0, 1, 0, 5, ...m.session.getSerializedKeyPackage()])) };
  },

  // A session founds a group of its own when it learns the external sender, and leaves it when it gets a Welcome.
  async create(r) {
    return status(member(r));
  },

  async join(r) {
    if (r.tree) unknown("take a tree that is not in the Welcome");
    const m = member(r);
    m.session.processWelcome(Buffer.from(bytes(r.welcome).subarray(4)));
    return status(m);
  },

  async externalJoin() {
    unknown("join by external commit");
  },

  async groupInfo() {
    unknown("make a GroupInfo");
  },

  async propose() {
    unknown("make proposals");
  },

  // A session commits at once what is proposed to it. The commit is its own only when it comes back.
  async commit(r) {
    const m = member(r);
    if (r.private) unknown("choose how handshakes are sent");
    if (r.proposals?.length || !m.own?.commit) unknown("commit anything but what others have proposed");
    const { commit, welcome } = m.own;
    m.own = undefined;
    m.session.processCommit(commit);
    return { ...status(m), commit: text(commit), welcome: welcome && text(new Uint8Array([0, 1, 0, 3, ...welcome])) };
  },

  async process(r) {
    const m = member(r);
    const b = Buffer.from(bytes(r.message));
    if (b[3] !== 1) unknown("take PrivateMessages");
    const isProposal = r.kind === "proposal";
    if (isProposal) m.own = m.session.processProposals(append, vector(b));
    else {
      m.own = undefined;
      try {
        m.session.processCommit(b);
      } catch (e) {
        // A session that was removed looks for its keys in the new epoch before it tells.
        if (!/UseAfterEviction/.test(String(e))) throw e;
        m.removed = true;
      }
    }
    return status(m);
  },

  async encrypt() {
    unknown("send application messages: it has media frames only");
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
