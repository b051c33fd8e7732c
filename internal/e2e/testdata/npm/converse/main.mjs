// What people do in rooms with an unmodified Converse.js, in a headless Chromium, against anteroom through a real server.
//
// usage: node main.mjs WEBSOCKET_URL ROOMS DOMAIN PREFIX PASSWORD SCREENSHOT_DIR
// ROOMS is what stands behind the names of rooms: @rooms.a.example, or for those of another provider %a.example@rooms.b.example.
// The accounts are juliet, romeo and nurse with PREFIX and a dash before; the rooms' names begin so, too. Reads names of operations
// from standard input, one a line, and answers each with one line of JSON: op, ok, and error if it was not on the screens as it
// should be. Each operation leaves pictures of the screens that it looked at.
import { createInterface } from "node:readline";
import * as admin from "./admin.mjs";
import * as around from "./around.mjs";
import { Browser } from "./browser.mjs";
import * as occupant from "./occupant.mjs";

const operations = { ...occupant, ...admin, ...around };
const inFunctionName = (name) => name.replace(/-(.)/g, (_, c) => c.toUpperCase());

const browser = await new Browser(...process.argv.slice(2)).start();
for await (const op of createInterface({ input: process.stdin })) {
  const answer = { op, ok: true };
  try {
    browser.operation = op;
    await operations[inFunctionName(op)](browser);
  } catch (error) {
    Object.assign(answer, { ok: false, error: `${error.stack ?? error}\n${await browser.failed()}` });
  }
  await browser.tidy();
  console.log(JSON.stringify(answer));
}
await browser.stop();
process.exit(0);
