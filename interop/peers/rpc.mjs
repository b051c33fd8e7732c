// What every driver shares: one JSON request per line on stdin, one JSON answer per line on stdout, in order.
//
//   {"op": "commit", "member": "p1", ...}   →   {"ok": {...}} or {"error": "..."} or {"unsupported": "why the peer cannot"}
//
// Byte strings travel as base64.
import { createInterface } from "node:readline";

export const bytes = (s) => new Uint8Array(Buffer.from(s, "base64"));
export const text = (b) => Buffer.from(b).toString("base64");

// Unsupported says that the peer has no way to do what was asked; its message goes into the table of docs/interop.md.
export class Unsupported extends Error {}

const describe = (e) => {
  const parts = [];
  for (let x = e, n = 0; x != null && n < 4; x = x.cause ?? x.inner?.mlsError ?? x.inner, n++) {
    parts.push(typeof x === "object" ? `${x.name ?? x.tag ?? "Error"}: ${x.message ?? x.msg ?? JSON.stringify(x)}` : String(x));
  }
  return parts.join(" / ");
};

// serve answers requests with the handlers until stdin ends. Nothing else may write to stdout.
export async function serve(handlers) {
  for (const name of ["log", "info", "warn", "debug"]) console[name] = console.error;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    let answer;
    try {
      const request = JSON.parse(line);
      const handler = handlers[request.op];
      if (!handler) throw new Unsupported("no such operation");
      answer = { ok: (await handler(request)) ?? {} };
    } catch (e) {
      answer = e instanceof Unsupported ? { unsupported: e.message } : { error: describe(e) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0);
}
