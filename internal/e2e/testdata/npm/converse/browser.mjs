// The browser with a session of Converse.js for each person, and what a person does and sees in it.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join, normalize, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, errors } from "playwright-core";

const MENU = 5_000; // milliseconds that an open menu has for one click
const STEP = Number(process.env.STEP ?? 120_000); // milliseconds that something may take to appear
const dist = fileURLToPath(new URL("../node_modules/converse.js/dist/", import.meta.url));
const names = ["juliet", "romeo", "nurse"];

// The page is Converse.js with its defaults, but for what a headless browser needs. window.api opens rooms, as a link to one does.
const page = `<!doctype html><html class="converse-fullscreen"><head><meta charset="utf-8">
<link rel="stylesheet" href="/dist/converse.min.css"></head>
<body class="converse-fullscreen"><script type="module">
import "/dist/converse.min.js";
const user = new URLSearchParams(location.search);
converse.plugins.add("window-api", { initialize() { window.api = this._converse.api; } });
converse.initialize({
  view_mode: "fullscreen", assets_path: "/dist/", i18n: "en", loglevel: "warn",
  authentication: "login", auto_login: true, jid: user.get("jid"), password: user.get("password"),
  websocket_url: user.get("websocket"), discover_connection_methods: false, allow_non_roster_messaging: true,
  clear_cache_on_logout: true, whitelisted_plugins: ["window-api"],
  play_sounds: false, show_desktop_notifications: "", persistent_store: "sessionStorage", reuse_scram_keys: false,
});
</script></body></html>`;

const types = { ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml", ".wasm": "application/wasm" };

// pick opens a menu and takes an entry. Converse closes menus when it draws what is around them again: then it is opened again, as a person would.
export async function pick(menu, entry) {
  for (const end = Date.now() + STEP; ;) {
    try {
      if (!(await entry.isVisible())) await menu.click({ timeout: Math.max(end - Date.now(), 1) });
      return await entry.click({ timeout: MENU });
    } catch (e) {
      if (!(e instanceof errors.TimeoutError) || Date.now() > end) throw e;
    }
  }
}

export class Browser {
  constructor(websocket, rooms, domain, prefix, password, screenshots) {
    Object.assign(this, { websocket, rooms, domain, prefix, password, screenshots, shots: 0 });
  }

  async start() {
    this.server = createServer((request, response) => {
      const { pathname } = new URL(request.url, "http://localhost");
      if (pathname === "/") return response.setHeader("content-type", "text/html").end(page);
      response.setHeader("content-type", types[extname(pathname)] ?? "application/octet-stream");
      createReadStream(join(dist, normalize(pathname.replace(/^\/dist/, "/"))))
        .on("error", () => response.writeHead(404).end())
        .pipe(response);
    });
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.chromium = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      timeout: STEP,
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"],
    });
    for (const name of names) this[name] = await new Person(this, name).start();
    return this;
  }

  async stop() {
    await this.chromium.close();
    this.server.close();
  }

  // room is a new one of Juliet's, or elsewhere one that she owns, in which the guests are already. Converse asks what it can do right behind the presence that
  // makes it: by an answer that there is none it would know nobody's occupant id (XEP-0421) at first, and list guests twice when it learns of them.
  async room(name, ...guests) {
    const room = `${this.prefix}-${name}${this.rooms}`;
    const juliet = await this.juliet.enter(room);
    await juliet.occupant("juliet").waitFor();
    same("Juliet is listed by her occupant id", /^[0-9a-f]{40}$/.test(await juliet.occupant("juliet").getAttribute("id")), true);
    const inside = [juliet];
    for (const guest of guests) {
      const who = await this[guest].enter(room);
      for (const other of inside) await other.occupant(guest).waitFor();
      await who.occupant("juliet").waitFor();
      inside.push(who);
    }
    return inside;
  }

  // tidy closes what an operation has left open, so that the next one begins with empty screens.
  async tidy() {
    for (const name of names) await this[name].tidy();
  }

  // failed shows what each person sees, and returns what the browsers had to say.
  async failed() {
    const logs = [];
    for (const name of names) {
      await this[name].shoot("failed");
      logs.push(`console of ${name}:\n${this[name].log.slice(-10).join("\n")}`);
    }
    return logs.join("\n");
  }
}

// A Person is one browser session.
class Person {
  constructor(browser, name) {
    Object.assign(this, { browser, name, log: [], jid: `${browser.prefix}-${name}@${browser.domain}` });
  }

  async start() {
    const { chromium, server, websocket, password } = this.browser;
    const context = await chromium.newContext({ viewport: { width: 1200, height: 800 } });
    this.page = await context.newPage();
    this.page.setDefaultTimeout(STEP);
    this.page.on("console", (message) => this.log.push(message.text()));
    this.page.on("pageerror", (error) => this.log.push(`page error: ${error}`));
    await this.page.goto(`http://127.0.0.1:${server.address().port}/?${new URLSearchParams({ jid: this.jid, password, websocket })}`);
    await this.page.waitForFunction(() => window.api?.connection.connected());
    return this;
  }

  // open lets the person enter a room by its address and returns its window, whatever comes of it.
  async open(room, nick = this.name) {
    await this.page.evaluate(([room, nick]) => void window.api.rooms.open(room, nick ? { nick } : {}, true), [room, nick]);
    const w = this.window(room);
    await w.window.waitFor({ state: "attached" });
    return w;
  }

  // window is that of a room which Converse has opened, or will.
  window(room) {
    return new Room(this, room);
  }

  // enter opens a room and waits until the person can speak in it.
  async enter(room, nick) {
    const w = await this.open(room, nick);
    await w.input.waitFor();
    return w;
  }

  shoot(what) {
    const { screenshots, operation } = this.browser;
    return this.page.screenshot({ path: join(screenshots, `${operation}-${++this.browser.shots}-${this.name}-${what}.png`) });
  }

  // dialog is the one that is open.
  get dialog() {
    return this.page.locator(".modal.show");
  }

  async tidy() {
    for (let tries = 0; tries < 3 && (await this.dialog.count()) > 0; tries++) {
      await this.page.keyboard.press("Escape");
      await this.page.waitForTimeout(300); // the fade of a dialog that takes no second click meanwhile
    }
    await this.page.evaluate(async () => {
      for (const room of await window.api.rooms.get()) await room.close();
    });
  }
}

// A Room is a person's window of it.
class Room {
  constructor(person, jid) {
    Object.assign(this, { person, page: person.page, jid, name: person.name });
    this.window = this.page.locator(`converse-muc[jid="${jid}"]`);
  }

  get input() {
    return this.window.locator("converse-muc-bottom-panel textarea.chat-textarea");
  }

  async type(text) {
    await this.input.fill(text);
    await this.input.press("Enter");
  }

  // message is one that is shown, and not in the window of private ones.
  message(text) {
    return this.window.locator("converse-muc-chat-content converse-chat-message", { has: this.page.locator(".chat-msg__text", { hasText: text }) });
  }

  hears(text) {
    return this.message(text).first().waitFor();
  }

  // reads waits until a text stands anywhere in the room's window.
  reads(text) {
    return this.window.getByText(text).first().waitFor();
  }

  occupant(nick) {
    return this.window.locator("converse-muc-occupants .occupant", { has: this.page.locator(".occupant-nick", { hasText: nick }) }).first();
  }

  // badge is what the member list says of somebody, such as "Owner".
  badge(nick, title) {
    return this.occupant(nick).locator(`.badge[title="${title}"]`);
  }

  async gone(nick) {
    await this.occupant(nick).waitFor({ state: "detached" });
  }

  // choose takes an entry of the room's menu.
  async choose(entry) {
    await pick(this.window.locator("converse-muc-heading .dropdown-toggle").first(), this.window.locator(`converse-muc-heading ${entry}`).first());
  }

  // act takes an entry of a message's menu.
  async act(text, entry) {
    const message = this.message(text).first();
    await message.locator(".chat-msg__content").hover();
    await pick(message.locator("converse-message-actions .dropdown-toggle"), message.locator(`.chat-msg__action-${entry}`));
  }

  // takeNick answers when Converse asks for a nick.
  async takeNick(nick) {
    await this.window.locator('.muc-nickname-form input[name="nick"]').fill(nick);
    await this.window.locator('.muc-nickname-form input[type="submit"]').click();
  }

  shoot(what) {
    return this.person.shoot(what);
  }

  async leave() {
    await this.page.evaluate(async (room) => (await window.api.rooms.get(room)).close(), this.jid);
    await this.window.waitFor({ state: "detached" });
  }
}

// same fails with both values when they differ.
export function same(what, got, want) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what}: ${a}, want ${b}`);
}
