// XEP-0045 §7: what anybody does in a room.
import { pick, same } from "./browser.mjs";

export async function chat(b) {
  const [juliet, romeo] = await b.room("chat", "romeo");
  await romeo.type("But soft, what light?");
  await juliet.hears("But soft, what light?");
  await juliet.type("Ay me. 🌹");
  await romeo.hears("Ay me. 🌹");
  await romeo.shoot("chat");
}

export async function nick(b) {
  const [juliet, romeo] = await b.room("nick", "romeo");
  await romeo.type("/nick montague");
  await juliet.occupant("montague").waitFor();
  await juliet.gone("romeo");
  await romeo.type("/nick juliet");
  await romeo.reads("reserved or currently in use");
  await romeo.shoot("conflict");
  await romeo.takeNick("romeo");
  await juliet.occupant("romeo").waitFor();
}

export async function nickConflict(b) {
  const [juliet] = await b.room("nick-conflict");
  const romeo = await b.romeo.open(juliet.jid, "juliet");
  await romeo.reads("reserved or currently in use");
  await romeo.shoot("conflict");
}

export async function privateMessage(b) {
  const [juliet, romeo, nurse] = await b.room("private-message", "romeo", "nurse");
  await romeo.occupant("juliet").locator("a").first().click();
  const input = romeo.window.locator("converse-occupant-bottom-panel textarea.chat-textarea");
  await input.fill("Good night, good night!");
  await input.press("Enter");
  await juliet.occupant("romeo").locator("a").first().click();
  await juliet.window.locator("converse-muc-occupant .chat-msg__text", { hasText: "Good night, good night!" }).waitFor();
  await juliet.shoot("read");
  await romeo.shoot("sent");
  await romeo.type("to all");
  await nurse.hears("to all");
  same("what the nurse sees of it", await nurse.window.getByText("Good night").count(), 0);
}

export async function password(b) {
  const [juliet] = await b.room("password");
  await configure(juliet, async (form) => {
    await form.locator('input[name="muc#roomconfig_passwordprotectedroom"]').check();
    await form.locator('input[name="muc#roomconfig_roomsecret"]').fill("cauldronburn");
  });
  const romeo = await b.romeo.open(juliet.jid);
  const input = romeo.window.locator('converse-muc-password-form input[name="password"]');
  await input.waitFor();
  await romeo.shoot("asked");
  await input.fill("wrong");
  await input.press("Enter");
  await romeo.window.locator("converse-muc-password-form .validation-message", { hasText: "password" }).waitFor();
  await romeo.shoot("wrong");
  await input.fill("cauldronburn");
  await input.press("Enter");
  await romeo.input.waitFor();
  await juliet.occupant("romeo").waitFor();
}

// An invitation to a members-only room, which Juliet sends from her client and Romeo accepts in his.
export async function invite(b) {
  const [juliet] = await b.room("invite");
  await configure(juliet, (form) => form.locator('input[name="muc#roomconfig_membersonly"]').check());
  const nurse = await b.nurse.open(juliet.jid);
  await nurse.reads("not on the member list");
  await nurse.shoot("members-only");
  await pick(juliet.window.locator("converse-muc-occupants .dropdown-toggle").first(), juliet.window.locator(".open-invite-modal"));
  const form = juliet.page.locator("converse-muc-invite-modal form");
  await form.locator('input[name="invitee_jids"]').fill(b.romeo.jid);
  await form.locator('textarea[name="reason"]').fill("the balcony");
  await form.locator('input[type="submit"]').click();
  const { dialog } = b.romeo;
  await dialog.getByText("the balcony").waitFor();
  await b.romeo.shoot("invited");
  await dialog.locator('button[type="submit"]').click();
  const romeo = b.romeo.window(juliet.jid);
  await romeo.takeNick("romeo");
  await romeo.occupant("juliet").waitFor();
  await romeo.shoot("accepted");
  await juliet.badge("romeo", "Member").waitFor();
  await juliet.shoot("member");
}

// Who comes later, comes back, or reconnects reads everything once, whether it is in the history or in the archive.
export async function history(b) {
  const [juliet, romeo] = await b.room("history", "romeo");
  const said = ["Wilt thou be gone?", "It is not yet near day.", "It was the nightingale."];
  for (const text of said) {
    await juliet.type(text);
    await romeo.hears(text);
  }
  const nurse = await b.nurse.enter(juliet.jid);
  await once(nurse, said);
  await nurse.shoot("newcomer");
  await romeo.leave();
  said.push("Believe me, love.");
  await juliet.type(said.at(-1));
  await nurse.hears(said.at(-1));
  const back = await b.romeo.enter(juliet.jid);
  await once(back, said);
  await back.shoot("back");
  await b.nurse.page.evaluate(() => void window.api.connection.reconnect());
  said.push("I must be gone and live.");
  await juliet.type(said.at(-1));
  await once(nurse, said);
  await nurse.shoot("reconnected");
}

// once waits until somebody who says something reads it, and then looks that everything stands there one time, in order.
async function once(who, texts) {
  for (const text of texts) await who.hears(text);
  same(`what ${who.name} reads`, await who.window.locator("converse-muc-chat-content .chat-msg__text").allInnerTexts(), texts);
}

export async function configure(juliet, fill) {
  await juliet.choose(".configure-chatroom-button");
  const form = juliet.page.locator("converse-muc-config-modal form.chatroom-form");
  await form.locator('input[name="muc#roomconfig_roomname"]').waitFor();
  await fill(form);
  await juliet.shoot("form");
  await form.locator('input[type="submit"], button[type="submit"]').first().click();
  await juliet.page.locator("converse-muc-config-modal").waitFor({ state: "hidden" });
}
