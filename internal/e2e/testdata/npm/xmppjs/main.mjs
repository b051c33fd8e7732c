// Operations of XEP-0045 and around it by an unmodified xmpp.js, against rooms behind a real server.
//
// usage: node main.mjs URL ROOMS_DOMAIN DOMAIN PREFIX PASSWORD
// The accounts are juliet, romeo, nurse and tybalt with PREFIX and a dash before; the rooms' names begin so, too. Reads names of
// operations from standard input, one a line, and answers each with one line of JSON: op, ok, and error if it was not observed as it
// should be.
import { createInterface } from "node:readline";
import * as around from "./around.mjs";
import * as lists from "./lists.mjs";
import * as moderator from "./moderator.mjs";
import * as occupant from "./occupant.mjs";
import * as owner from "./owner.mjs";
import { Scene } from "./scene.mjs";

const operations = { ...occupant, ...moderator, ...lists, ...owner, ...around };
const inFunctionName = (name) => name.replace(/-(.)/g, (_, c) => c.toUpperCase());

const scene = await new Scene(...process.argv.slice(2)).start();
for await (const op of createInterface({ input: process.stdin })) {
  const answer = { op, ok: true };
  try {
    await operations[inFunctionName(op)](scene);
  } catch (error) {
    Object.assign(answer, { ok: false, error: `${error.stack ?? error}` });
  }
  console.log(JSON.stringify(answer));
}
await scene.stop();
process.exit(0);
