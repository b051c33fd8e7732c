// Drives ts-mls (https://www.npmjs.com/package/ts-mls) for the tests of interop/.
import * as mls from "ts-mls";
import { createGroupInfo } from "ts-mls/createCommit.js";
import { ratchetTreeEncoder, decodeRatchetTree } from "ts-mls/ratchetTree.js";
import { encode } from "ts-mls/codec/tlsEncoder.js";
import { bytes, serve, text, Unsupported } from "./rpc.mjs";

const suiteNames = Object.fromEntries(Object.entries(mls.ciphersuites).map(([name, id]) => [id, name]));
const suites = new Map();
const members = new Map();

async function suite(id) {
  if (!suites.has(id)) suites.set(id, await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName(suiteNames[id])));
  return suites.get(id);
}

const decode = (b) => {
  const m = mls.decodeMlsMessage(bytes(b), 0);
  if (m === undefined) throw new Error("cannot decode the MLSMessage");
  return m[0];
};
const message = (wireformat, field, value) => text(mls.encodeMlsMessage({ version: "mls10", wireformat, [field]: value }));
const member = (r) => members.get(r.member);
const tree = (state) => text(encode(ratchetTreeEncoder)(state.ratchetTree));
const extension = (e) => ({
  extensionType: Object.entries(mls.defaultExtensionTypes).find(([, v]) => v === e.type)?.[0] ?? e.type,
  extensionData: bytes(e.data),
});

async function status(m) {
  if (m.state.groupActiveState.kind === "removedFromGroup") return { removed: true };
  return {
    epoch: Number(m.state.groupContext.epoch),
    authenticator: text(m.state.keySchedule.epochAuthenticator),
    exporter: text(await mls.mlsExporter(m.state.keySchedule.exporterSecret, "interop", new Uint8Array([1, 2, 3]), 32, m.cs)),
  };
}

function proposal(p) {
  switch (p.type) {
    case "add":
      return { proposalType: "add", add: { keyPackage: decode(p.keyPackage).keyPackage } };
    case "remove":
      return { proposalType: "remove", remove: { removed: p.leaf } };
    case "extensions":
      return { proposalType: "group_context_extensions", groupContextExtensions: { extensions: (p.extensions ?? []).map(extension) } };
    case "psk":
      return { proposalType: "psk", psk: { preSharedKeyId: { psktype: "external", pskId: bytes(p.id), pskNonce: bytes(p.nonce) } } };
    case "resumption":
      return {
        proposalType: "psk",
        psk: {
          preSharedKeyId: {
            psktype: "resumption", usage: "application", pskGroupId: bytes(p.group), pskEpoch: BigInt(p.epoch ?? 0), pskNonce: bytes(p.nonce),
          },
        },
      };
    case "reinit":
      return { proposalType: "reinit", reinit: { groupId: bytes(p.group), version: "mls10", cipherSuite: suiteNames[p.suite], extensions: [] } };
    case "update":
      throw new Unsupported("has no function that makes an Update");
    default:
      throw new Unsupported(`does not know proposal ${p.type}`);
  }
}

const pskIndex = (m) => mls.makePskIndex(m.state, m.psks);

serve({
  // A member is a key pair with a key package; it is in no group yet.
  async member(r) {
    const cs = await suite(r.suite);
    const capabilities = {
      versions: ["mls10"],
      ciphersuites: [suiteNames[r.suite]],
      extensions: [],
      proposals: [],
      credentials: ["basic", "x509"],
    };
    const now = BigInt(Math.floor(Date.now() / 1000));
    const lifetime = { notBefore: now - 3600n, notAfter: now + 86400n };
    const credential = { credentialType: "basic", identity: bytes(r.identity) };
    const kp = await mls.generateKeyPackage(credential, capabilities, lifetime, [], cs);
    members.set(r.member, { cs, suite: r.suite, kp, psks: {} });
    return { keyPackage: message("mls_key_package", "keyPackage", kp.publicPackage) };
  },

  async create(r) {
    const m = member(r);
    m.state = await mls.createGroup(bytes(r.group), m.kp.publicPackage, m.kp.privatePackage, (r.extensions ?? []).map(extension), m.cs);
    return status(m);
  },

  async join(r) {
    const m = member(r);
    const ratchetTree = r.tree ? decodeRatchetTree(bytes(r.tree), 0)[0] : undefined;
    m.state = await mls.joinGroup(decode(r.welcome).welcome, m.kp.publicPackage, m.kp.privatePackage, pskIndex({ ...m, state: undefined }), m.cs, ratchetTree);
    return status(m);
  },

  // ts-mls takes the whole body of external_pub for the key, where RFC 9420 §12.4.3 has a vector inside. lenient takes the
  // vector's length away where the key is imported, which leaves the GroupInfo and its signature as they are.
  async externalJoin(r) {
    const m = member(r);
    let cs = m.cs;
    if (r.lenient) {
      const inner = (k) => (k.length === 33 && k[0] === 32 ? k.subarray(1) : k); // X25519
      cs = { ...cs, hpke: { ...cs.hpke, importPublicKey: (k) => m.cs.hpke.importPublicKey(inner(k)) } };
    }
    const res = await mls.joinGroupExternal(decode(r.groupInfo).groupInfo, m.kp.publicPackage, m.kp.privatePackage, r.resync ?? false, cs);
    m.state = res.newState;
    return { ...(await status(m)), commit: message("mls_public_message", "publicMessage", res.publicMessage) };
  },

  // lenient writes external_pub as RFC 9420 §12.4.3 has it.
  async groupInfo(r) {
    const m = member(r);
    if (!r.lenient) {
      return { groupInfo: message("mls_group_info", "groupInfo", await mls.createGroupInfoWithExternalPubAndRatchetTree(m.state, [], m.cs)) };
    }
    const pair = await m.cs.hpke.deriveKeyPair(m.state.keySchedule.externalSecret);
    const pub = await m.cs.hpke.exportPublicKey(pair.publicKey);
    const gi = await createGroupInfo(m.state.groupContext, m.state.confirmationTag, m.state, [
      { extensionType: "external_pub", extensionData: new Uint8Array([pub.length, ...pub]) },
      { extensionType: "ratchet_tree", extensionData: encode(ratchetTreeEncoder)(m.state.ratchetTree) },
    ], m.cs);
    return { groupInfo: message("mls_group_info", "groupInfo", gi) };
  },

  async propose(r) {
    const m = member(r);
    const res = await mls.createProposal(m.state, !r.private, proposal(r.proposal), m.cs);
    m.state = res.newState;
    return { message: text(mls.encodeMlsMessage(res.message)) };
  },

  // A commit takes all proposals received; ts-mls has no choice among them.
  async commit(r) {
    const m = member(r);
    const res = await mls.createCommit({ state: m.state, cipherSuite: m.cs, pskIndex: pskIndex(m) }, {
      wireAsPublicMessage: !r.private,
      extraProposals: (r.proposals ?? []).map(proposal),
      ratchetTreeExtension: !r.withoutTree,
    });
    m.state = res.newState;
    return {
      ...(await status(m)),
      commit: text(mls.encodeMlsMessage(res.commit)),
      welcome: res.welcome && message("mls_welcome", "welcome", res.welcome),
      tree: tree(m.state),
    };
  },

  async process(r) {
    const m = member(r);
    const res = await mls.processMessage(decode(r.message), m.state, pskIndex(m), mls.acceptAll, m.cs);
    m.state = res.newState;
    if (res.kind === "applicationMessage") return { data: text(res.message) };
    return status(m);
  },

  async encrypt(r) {
    const m = member(r);
    const res = await mls.createApplicationMessage(m.state, bytes(r.data), m.cs);
    m.state = res.newState;
    return { message: message("mls_private_message", "privateMessage", res.privateMessage) };
  },

  async psk(r) {
    member(r).psks[r.id] = bytes(r.secret);
  },

  async subgroup(r) {
    const m = member(r);
    const old = members.get(r.old).state;
    const others = r.keyPackages.map((k) => decode(k).keyPackage);
    const res = r.usage === "branch"
      ? await mls.branchGroup(old, m.kp.publicPackage, m.kp.privatePackage, others, bytes(r.group), m.cs)
      : await mls.reinitCreateNewGroup(old, m.kp.publicPackage, m.kp.privatePackage, others, bytes(r.group), suiteNames[m.suite], []);
    m.state = res.newState;
    return { ...(await status(m)), welcome: message("mls_welcome", "welcome", res.welcome), tree: tree(m.state) };
  },

  async joinSubgroup(r) {
    const m = member(r);
    const old = members.get(r.old).state;
    const welcome = decode(r.welcome).welcome;
    const ratchetTree = decodeRatchetTree(bytes(r.tree), 0)[0];
    m.state = r.usage === "branch"
      ? await mls.joinGroupFromBranch(old, welcome, m.kp.publicPackage, m.kp.privatePackage, ratchetTree, m.cs)
      : await mls.joinGroupFromReinit(old, welcome, m.kp.publicPackage, m.kp.privatePackage, ratchetTree);
    return status(m);
  },

  async proposeJoin(r) {
    const m = member(r);
    const m2 = await mls.proposeAddExternal(decode(r.groupInfo).groupInfo, m.kp.publicPackage, m.kp.privatePackage, m.cs);
    return { message: text(mls.encodeMlsMessage(m2)) };
  },

  async proposeOutside(r) {
    const m = await mls.proposeExternal(decode(r.groupInfo).groupInfo, proposal(r.proposal), bytes(r.id), bytes(r.secret), member(r).cs);
    return { message: text(mls.encodeMlsMessage(m)) };
  },
});
