// An unmodified Converse.js in a headless Chromium against anteroom through a real server: join, chat, the member list, a new nick,
// configuration by the form, kick. Juliet and Romeo use a browser session each.
//
// usage: node room_converse.mjs WEBSOCKET_URL ROOM OWNER_JID OTHER_JID PASSWORD SCREENSHOT_DIR
// Prints one line per observed step and ends with 0 only if every step was observed by the other side.
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join, normalize, extname } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const STEP = 30_000;
const [websocket, room, ownerJID, otherJID, password, screenshots] = process.argv.slice(2);
const dist = fileURLToPath(new URL("node_modules/converse.js/dist/", import.meta.url));

const page = `<!doctype html><html class="converse-fullscreen"><head><meta charset="utf-8">
<link rel="stylesheet" href="/dist/converse.min.css"></head>
<body class="converse-fullscreen"><script type="module">
import "/dist/converse.min.js";
const user = new URLSearchParams(location.search);
converse.initialize({
  view_mode: "fullscreen", assets_path: "/dist/", i18n: "en", loglevel: "warn",
  authentication: "login", auto_login: true, jid: user.get("jid"), password: user.get("password"),
  websocket_url: user.get("websocket"), discover_connection_methods: false, allow_non_roster_messaging: true,
  auto_join_rooms: [{ jid: user.get("room"), nick: user.get("nick") }], muc_instant_rooms: true, clear_cache_on_logout: true,
  play_sounds: false, show_desktop_notifications: "", persistent_store: "sessionStorage", reuse_scram_keys: false,
});
</script></body></html>`;

const types = { ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml", ".wasm": "application/wasm" };
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname === "/") return response.setHeader("content-type", "text/html").end(page);
  response.setHeader("content-type", types[extname(pathname)] ?? "application/octet-stream");
  createReadStream(join(dist, normalize(pathname.replace(/^\/dist/, "/"))))
    .on("error", () => response.writeHead(404).end())
    .pipe(response);
});

const step = (text) => console.log("ok", text);

// A user is one browser session with the room open.
class User {
  constructor(page, name) {
    this.page = page;
    this.name = name;
    this.log = [];
    page.setDefaultTimeout(STEP);
    page.on("console", (message) => this.log.push(message.text()));
    page.on("pageerror", (error) => this.log.push(`page error: ${error}`));
  }

  static async enter(browser, jid, nick) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
    const user = new User(await context.newPage(), nick);
    users.push(user);
    const query = new URLSearchParams({ jid, password, websocket, room, nick });
    await user.page.goto(`http://127.0.0.1:${server.address().port}/?${query}`);
    await user.input.waitFor();
    return user;
  }

  get input() {
    return this.page.locator("converse-muc textarea.chat-textarea");
  }

  async type(text) {
    await this.input.fill(text);
    await this.input.press("Enter");
  }

  hears(text) {
    return this.page.locator(".chat-msg__text", { hasText: text }).first().waitFor();
  }

  occupant(nick) {
    return this.page.locator("converse-muc-occupants .occupant-nick", { hasText: nick }).first();
  }

  shoot(what) {
    return this.page.screenshot({ path: join(screenshots, `converse-${what}.png`) });
  }
}

const users = [];

async function scenario(browser) {
  const juliet = await User.enter(browser, ownerJID, "juliet");
  await juliet.occupant("juliet").waitFor();
  step("create");
  const romeo = await User.enter(browser, otherJID, "romeo");
  await juliet.occupant("romeo").waitFor();
  await romeo.occupant("juliet").waitFor();
  step("join and the member list");
  await romeo.type("But soft, what light?");
  await juliet.hears("But soft, what light?");
  await juliet.type("Ay me. 🌹");
  await romeo.hears("Ay me. 🌹");
  await romeo.shoot("1-chat");
  step("chat");
  await romeo.type("/nick montague");
  await juliet.occupant("montague").waitFor();
  await juliet.occupant("romeo").waitFor({ state: "detached" });
  step("nick");
  await configure(juliet);
  await juliet.type("/kick montague too loud");
  await juliet.occupant("montague").waitFor({ state: "detached" });
  await romeo.page.getByText("too loud").first().waitFor();
  await romeo.shoot("4-kicked");
  await juliet.shoot("5-after-kick");
  step("kick");
}

async function configure(juliet) {
  const { page } = juliet;
  await page.locator("converse-muc-heading button.dropdown-toggle, converse-muc-heading .dropdown-toggle").first().click();
  await page.locator(".configure-chatroom-button").first().click();
  const form = page.locator("converse-muc-config-modal form.chatroom-form");
  await form.locator('input[name="muc#roomconfig_roomname"]').fill("The garden");
  await juliet.shoot("2-form");
  await form.locator('input[type="submit"], button[type="submit"]').first().click();
  await page.locator("converse-muc-heading", { hasText: "The garden" }).waitFor();
  await juliet.shoot("3-configured");
  step("configuration by the form");
}

let status = 0;
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await scenario(browser);
  console.log("all observed");
} catch (error) {
  status = 1;
  console.log("failed", error.stack ?? error);
  for (const user of users) {
    await user.shoot(`failed-${user.name}`);
    console.log(`console of ${user.name}:\n${user.log.slice(-30).join("\n")}`);
  }
}
await browser.close();
process.exit(status);
