// XEP-0045 §8 to §10: what moderators, admins and owners do, and what it looks like to whom it is done.
import { same } from "./browser.mjs";
import { configure } from "./occupant.mjs";

export async function subject(b) {
  const [juliet, romeo] = await b.room("subject", "romeo");
  await juliet.type("/topic Fair Verona, where we lay our scene");
  await romeo.window.locator("converse-muc-heading", { hasText: "Fair Verona" }).waitFor();
  await romeo.shoot("subject");
}

export async function subjectByAll(b) {
  const [juliet, romeo] = await b.room("subject-by-all", "romeo");
  await configure(juliet, (form) => form.locator('input[name="muc#roomconfig_changesubject"]').check());
  await romeo.reads("The groupchat configuration has changed");
  await romeo.type("/topic A plague on both your houses"); // a command for who may, who then is told so by the room's information
  await juliet.window.locator("converse-muc-heading", { hasText: "A plague" }).waitFor();
  await juliet.reads("Topic set by romeo");
  await juliet.shoot("by-a-participant");
}

export async function configuration(b) {
  const [juliet, romeo] = await b.room("configuration", "romeo");
  await configure(juliet, (form) => form.locator('input[name="muc#roomconfig_roomname"]').fill("The garden"));
  await juliet.window.locator("converse-muc-heading", { hasText: "The garden" }).waitFor();
  await romeo.window.locator("converse-muc-heading", { hasText: "The garden" }).waitFor();
  await romeo.reads("The groupchat configuration has changed");
  await romeo.shoot("configured");
}

export async function kick(b) {
  const [juliet, romeo, nurse] = await b.room("kick", "romeo", "nurse");
  await juliet.type("/kick romeo too loud");
  await romeo.reads("You have been kicked from this groupchat");
  await romeo.reads("too loud");
  await romeo.reads("by juliet");
  await romeo.shoot("kicked");
  await juliet.gone("romeo");
  await nurse.reads("romeo has been kicked out by juliet");
  await nurse.shoot("seen");
}

// A ban by the command and its end by the list of the moderator's tools, of somebody who is not there then.
export async function ban(b) {
  const [juliet, romeo, nurse] = await b.room("ban", "romeo", "nurse");
  await juliet.type("/ban romeo enough");
  await romeo.reads("You have been banned from this groupchat");
  await romeo.reads("enough");
  await romeo.shoot("banned");
  await juliet.gone("romeo");
  await nurse.reads("romeo has been banned by juliet");
  await romeo.leave();
  await (await b.romeo.open(juliet.jid)).reads("You have been banned from this groupchat");
  await b.romeo.shoot("still-banned");
  await romeo.leave();

  const tools = await moderate(juliet, "outcast");
  const item = tools.locator(".list-group--users > li", { hasText: b.romeo.jid });
  await juliet.shoot("ban-list");
  await assign(item, "none");
  await tools.getByText("No users with that affiliation found").waitFor();
  await juliet.shoot("empty-ban-list");
  await juliet.page.keyboard.press("Escape");
  await b.romeo.enter(juliet.jid);
  await juliet.occupant("romeo").waitFor();
}

// Voice taken and given in a moderated room.
export async function voice(b) {
  const [juliet, romeo, nurse] = await b.room("voice", "romeo", "nurse");
  await configure(juliet, (form) => form.locator('input[name="muc#roomconfig_moderatedroom"]').check());
  await juliet.type("/mute romeo hush");
  await juliet.badge("romeo", "Visitor").waitFor();
  await romeo.reads("not allowed to send messages");
  await romeo.shoot("mute");
  await nurse.badge("romeo", "Visitor").waitFor();
  await nurse.shoot("seen");
  await juliet.type("/voice romeo");
  await romeo.input.waitFor();
  await nurse.badge("romeo", "Visitor").waitFor({ state: "detached" });
  await romeo.type("I have a soul of lead");
  await nurse.hears("I have a soul of lead");
}

// Affiliations in the moderator's tools: given from one list, seen in the other and by everybody.
export async function affiliations(b) {
  const [juliet, romeo, nurse] = await b.room("affiliations", "romeo", "nurse");
  await juliet.type("/member romeo");
  await nurse.badge("romeo", "Member").waitFor();
  let tools = await moderate(juliet, "member");
  await assign(tools.locator(".list-group--users > li", { hasText: b.romeo.jid }).first(), "admin");
  await nurse.badge("romeo", "Admin").waitFor();
  await juliet.shoot("made-admin");
  await juliet.page.keyboard.press("Escape");
  tools = await moderate(juliet, "admin");
  same("the admins", await tools.locator(".list-group--users > li").count(), 1);
  await juliet.shoot("admins");
  await juliet.page.keyboard.press("Escape");
  await romeo.type("/ban nurse");
  await nurse.reads("You have been banned from this groupchat");
  await romeo.type("/ban juliet");
  await romeo.reads("an error happened while running the command");
  await romeo.shoot("refused");
  await juliet.occupant("juliet").waitFor();
  await juliet.type("/owner romeo");
  await romeo.badge("romeo", "Owner").waitFor();
  await juliet.type("/revoke romeo");
  await romeo.badge("romeo", "Owner").waitFor({ state: "detached" });
  await romeo.shoot("revoked");
}

export async function membersOnly(b) {
  const [juliet, romeo] = await b.room("members-only", "romeo");
  await configure(juliet, (form) => form.locator('input[name="muc#roomconfig_membersonly"]').check());
  await romeo.reads("changed to members-only");
  await romeo.shoot("out");
  await juliet.gone("romeo");
}

// A nick that is registered is kept for who has it; nobody else enters under it.
export async function register(b) {
  const [juliet, romeo] = await b.room("register", "romeo");
  await juliet.type("/member romeo");
  await juliet.badge("romeo", "Member").waitFor();
  await romeo.type("/register");
  await romeo.page.waitForFunction(async (room) => await (await window.api.rooms.get(room)).getReservedNick() === "romeo", juliet.jid);
  await romeo.leave();
  await juliet.reads("romeo has left the groupchat");
  const nurse = await b.nurse.open(juliet.jid, "romeo");
  await nurse.reads("reserved or currently in use");
  await nurse.shoot("reserved");
  const back = await b.romeo.enter(juliet.jid, null); // without a nick Converse asks the room for the reserved one
  await back.page.waitForFunction(async (room) => (await window.api.rooms.get(room)).get("nick") === "romeo", juliet.jid);
}

// Converse does not say anything when a room is destroyed under it: who is in it sees that when entering again.
export async function destroy(b) {
  const [juliet, romeo] = await b.room("destroy", "romeo");
  await juliet.choose(".destroy-chatroom-button");
  const { dialog } = b.juliet;
  await dialog.locator('input[name="challenge"]').fill(juliet.jid);
  await dialog.locator('input[name="reason"]').fill("the feud");
  await dialog.locator('input[name="newjid"]').fill(`${b.prefix}-tomb${b.rooms}`);
  await juliet.shoot("dialog");
  await dialog.locator('button[type="submit"]').click();
  await juliet.window.waitFor({ state: "detached" });
  await romeo.leave();
  const again = await b.romeo.open(juliet.jid);
  await again.reads("This groupchat no longer exists");
  await again.reads("the feud");
  await again.reads("The conversation has moved");
  await again.shoot("gone");
  await again.window.locator(".switch-chat").click();
  const moved = b.romeo.window(`${b.prefix}-tomb${b.rooms}`);
  await moved.takeNick("romeo");
  await moved.occupant("romeo").waitFor();
}

// moderate opens the moderator's tools with a list.
async function moderate(juliet, affiliation) {
  await juliet.choose(".moderate-chatroom-button");
  const tools = juliet.page.locator("converse-modtools");
  await tools.locator("select.select-affiliation").first().selectOption(affiliation);
  await tools.locator('input[name="users_with_affiliation"]').click();
  await tools.locator("#affiliations-tabpanel .list-group--users > li").first().waitFor();
  return tools.locator("#affiliations-tabpanel");
}

// assign gives somebody of a list another affiliation.
async function assign(item, affiliation) {
  await item.locator("a.toggle-form").click();
  await item.locator("form.affiliation-form select").selectOption(affiliation);
  await item.locator('form.affiliation-form button[type="submit"]').click();
}
