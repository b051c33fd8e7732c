// What Converse.js does beyond XEP-0045.
import { same } from "./browser.mjs";

// XEP-0444
export async function reaction(b) {
  const [juliet, romeo] = await b.room("reaction", "romeo");
  await juliet.type("Parting is such sweet sorrow");
  await romeo.act("Parting", "reaction");
  await romeo.message("Parting").locator(".reaction-picker button.reaction-item").first().click();
  await juliet.message("Parting").locator(".chat-msg__reaction").waitFor();
  await juliet.shoot("reaction");
  same("the number of reactions", (await juliet.message("Parting").locator(".chat-msg__reaction .count").innerText()).trim(), "1");
}

// XEP-0424
export async function retraction(b) {
  const [juliet, romeo] = await b.room("retraction", "romeo");
  await romeo.type("I take thee at thy word");
  await juliet.hears("at thy word");
  await romeo.act("at thy word", "retract");
  await b.romeo.dialog.locator('button[type="submit"]').click();
  await juliet.window.locator("converse-muc-chat-content .retraction").waitFor();
  await juliet.shoot("retracted");
  same("the text", await juliet.message("at thy word").count(), 0);
}

// XEP-0425, and what newcomers see of it
export async function moderation(b) {
  const [juliet, romeo] = await b.room("moderation", "romeo");
  await romeo.type("Buy love potions!");
  await juliet.hears("love potions");
  await juliet.act("love potions", "retract");
  await b.juliet.dialog.locator("input").first().fill("no advertisements");
  await juliet.shoot("dialog");
  await b.juliet.dialog.locator('button[type="submit"]').click();
  await romeo.window.locator("converse-muc-chat-content .retraction", { hasText: "no advertisements" }).waitFor();
  await romeo.shoot("moderated");
  const nurse = await b.nurse.enter(juliet.jid);
  await juliet.type("Welcome");
  await nurse.hears("Welcome");
  same("what the nurse sees of it", await nurse.message("love potions").count(), 0);
  await nurse.shoot("newcomer");
}

// XEP-0308
export async function correction(b) {
  const [juliet, romeo] = await b.room("correction", "romeo");
  await romeo.type("It is the west");
  await juliet.hears("It is the west");
  await romeo.act("It is the west", "edit");
  await romeo.type("It is the east");
  await juliet.hears("It is the east");
  await juliet.shoot("corrected");
  same("the old text", await juliet.message("It is the west").count(), 0);
}
