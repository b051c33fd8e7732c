// Measures ts-mls for interop/bench. Each request names an operation; what it works on is kept under names. The answer has the
// median time in milliseconds, taken inside this process over as many repetitions as fit the budget.
import * as mls from "ts-mls";
import { bytes, serve, text } from "./rpc.mjs";

const cs = await mls.getCiphersuiteImpl(mls.getCiphersuiteFromName("MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"));
// As in ts-mls.mjs: external_pub has a vector inside (RFC 9420 §12.4.3), ts-mls takes the whole for the key.
const inner = (k) => (k.length === 33 && k[0] === 32 ? k.subarray(1) : k);
const lenient = { ...cs, hpke: { ...cs.hpke, importPublicKey: (k) => cs.hpke.importPublicKey(inner(k)) } };

const clients = new Map();
const states = new Map();
const decode = (b) => mls.decodeMlsMessage(bytes(b), 0)[0];
const message = (wireformat, field, value) => text(mls.encodeMlsMessage({ version: "mls10", wireformat, [field]: value }));
const psks = mls.makePskIndex(undefined, {});

async function keyPackage(name) {
  const capabilities = { versions: ["mls10"], ciphersuites: [cs.name], extensions: [], proposals: [], credentials: ["basic", "x509"] };
  const credential = { credentialType: "basic", identity: new TextEncoder().encode(name) };
  return mls.generateKeyPackage(credential, capabilities, { notBefore: 0n, notAfter: 1n << 40n }, [], cs);
}

const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];

async function timed(r, f) {
  const times = [];
  let last;
  const end = performance.now() + r.budget;
  do {
    const begin = performance.now();
    last = await f();
    times.push(performance.now() - begin);
  } while (times.length < r.times && performance.now() < end);
  return [last, median(times)];
}

const commit = (r, proposals) =>
  mls.createCommit({ state: states.get(r.state), cipherSuite: cs }, { wireAsPublicMessage: true, extraProposals: proposals, ratchetTreeExtension: true });

serve({
  async client(r) {
    clients.set(r.name, await keyPackage(r.name));
    return { message: message("mls_key_package", "keyPackage", clients.get(r.name).publicPackage) };
  },

  // What is in use after a collection, in bytes. Started with --expose-gc.
  async memory() {
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await new Promise((done) => setImmediate(done));
    }
    const m = process.memoryUsage();
    return { live: m.heapUsed + m.external };
  },

  async keyPackage(r) {
    const [, ms] = await timed(r, () => keyPackage("somebody"));
    return { ms };
  },

  async found(r) {
    const kp = clients.get(r.name);
    states.set(r.name, await mls.createGroup(new TextEncoder().encode("bench"), kp.publicPackage, kp.privatePackage, [], cs));
  },

  async join(r) {
    const kp = clients.get(r.name);
    const [state, ms] = await timed(r, () => mls.joinGroup(decode(r.message).welcome, kp.publicPackage, kp.privatePackage, psks, cs));
    states.set(r.name, state);
    return { ms };
  },

  async commit(r) {
    const proposals = (r.add ?? []).map((k) => ({ proposalType: "add", add: { keyPackage: decode(k).keyPackage } }));
    if (r.remove !== undefined) proposals.push({ proposalType: "remove", remove: { removed: r.remove } });
    const [done, ms] = await timed(r, () => commit(r, proposals));
    return { ms, message: text(mls.encodeMlsMessage(done.commit)) };
  },

  async process(r) {
    const [done, ms] = await timed(r, () => mls.processMessage(decode(r.message), states.get(r.state), psks, mls.acceptAll, cs));
    if (r.keep) states.set(r.state, done.newState);
    return { ms };
  },

  async externalJoin(r) {
    const kp = clients.get(r.name);
    const [done, ms] = await timed(r, () => mls.joinGroupExternal(decode(r.message).groupInfo, kp.publicPackage, kp.privatePackage, false, lenient));
    return { ms, message: message("mls_public_message", "publicMessage", done.publicMessage) };
  },

  async groupInfo(r) {
    const [, ms] = await timed(r, () => mls.createGroupInfoWithExternalPubAndRatchetTree(states.get(r.state), [], cs));
    return { ms };
  },

  async protect(r) {
    const messages = [];
    let state = states.get(r.state);
    const [, ms] = await timed(r, async () => {
      const res = await mls.createApplicationMessage(state, new Uint8Array(100), cs);
      state = res.newState;
      messages.push(message("mls_private_message", "privateMessage", res.privateMessage));
    });
    return { ms, messages };
  },

  async unprotect(r) {
    let state = states.get(r.state);
    const times = [];
    for (const m of r.messages) {
      const begin = performance.now();
      state = (await mls.processMessage(decode(m), state, psks, mls.acceptAll, cs)).newState;
      times.push(performance.now() - begin);
    }
    return { ms: median(times) };
  },
});
