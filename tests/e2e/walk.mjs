// A person with a phone of 360 px, a keyboard and no script: subscribe, read the mail in the inbox, confirm, change wishes, pause,
// leave, come back; then another address and one's own data. Nothing is clicked: what Tab does not reach or Enter and Space do not
// press does not count. Then axe looks at each kind of page. `node walk.mjs BASE [FOLDER]`, with PEERS naming node_modules;
// FOLDER keeps pictures of the pages on the way.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(process.env.PEERS + "/");
const { chromium } = require("playwright-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const [base, folder] = process.argv.slice(2);
const address = "gulnar.walk@example.kz";
const second = "gulnar.second@example.kz";
const check = (holds, what) => {
  if (!holds) throw new Error(what);
  console.log(what);
};
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none"],
});
try {
  const phone = await browser.newContext({ viewport: { width: 360, height: 740 }, javaScriptEnabled: false, locale: "kk-KZ" });
  const page = await phone.newPage();
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  // Pages whose address or answer the eyes look at once more, below.
  const seen = [];

  // Moves the focus with Tab until it stands on what the selector names; fails where the keyboard does not reach.
  const reach = async (selector, key = "Tab") => {
    const wanted = page.locator(selector).first();
    for (let step = 0; step < 250; step++) {
      const on = page.locator(`${selector}:focus`);
      if ((await on.count()) > 0) {
        const box = await on.first().boundingBox();
        if (!box) throw new Error(`${selector} has the focus and cannot be seen`);
        return on.first();
      }
      await page.keyboard.press(key);
    }
    throw new Error(`the keyboard does not reach ${selector} (${await wanted.count()} on the page)`);
  };
  const press = async (selector, key = "Enter") => {
    await reach(selector);
    await Promise.all([page.waitForLoadState("load"), page.keyboard.press(key)]);
    await page.waitForTimeout(300);
    await page.waitForLoadState("load");
    await fits(selector);
  };
  const type = async (selector, text) => {
    await reach(selector);
    await page.keyboard.press("Control+A");
    await page.keyboard.type(text);
  };
  // A page of 360 px is never wider; measured by what the tool sees, since the page runs no script.
  const wide = [];
  const fits = async (what) => {
    const boxes = await page.locator("main *").evaluateAll((all) => all.filter((e) => e.getBoundingClientRect().right > 361).length);
    if (boxes > 0) wide.push(`${what}: ${boxes} elements are wider than the phone`);
  };
  const says = async (text) => (await page.locator("main").innerText()).includes(text);
  const shot = async (name) => {
    if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
  };
  // The inbox opens the newest mail to an address; its button is a link, followed by what it names.
  const mail = async (to, pattern) => {
    for (let i = 0; i < 120; i++) {
      const list = await (await phone.request.get(`${base}/inbox/list?q=${encodeURIComponent(to)}`)).text();
      for (const [, id] of list.matchAll(/\/inbox\/mail\/(\d+)/g)) {
        const text = await (await phone.request.get(`${base}/inbox/mail/${id}/text`)).text();
        const found = text.match(pattern);
        if (found) return { link: found[0], id, text };
      }
      await new Promise((done) => setTimeout(done, 250));
    }
    throw new Error(`no mail to ${to} with ${pattern}`);
  };

  await page.goto(`${base}/kk/`);
  const article = await page.locator("main a[href*='/kk/news/']").first().getAttribute("href");
  await press("header a.button[href$='/kk/subscribe']");
  check(page.url() === `${base}/kk/subscribe`, "the masthead leads to the form by keyboard");
  await shot("walk-1-form");
  await type("#address", address);
  await press("main form button.is-large");
  check((await page.locator(".error").count()) > 0 && (await page.inputValue("#address")) === address,
    "without consent the form comes back with what was typed");
  await type("#address", "gulnar.walk@gmail,con");
  await reach("input[name=consent]");
  await page.keyboard.press("Space");
  await press("main form button.is-large");
  check((await page.locator("button[name=instead][value='gulnar.walk@gmail.com']").count()) === 1, "a slip in the address is asked about");
  await type("#address", address);
  if (!(await page.isChecked("input[name=consent]"))) {
    await reach("input[name=consent]");
    await page.keyboard.press("Space");
  }
  await press("main form button.is-large");
  check(await says("Поштаңызды тексеріңіз"), "the answer says to look into the mailbox");
  await shot("walk-2-sent");

  const confirmation = await mail(address, /http:\/\/[^\s<"]+\/confirm\/[A-Za-z0-9_-]+/);
  await page.goto(`${base}/inbox/list?q=${encodeURIComponent(address)}`);
  await press(`a[href*='/inbox/mail/${confirmation.id}']`);
  check((await page.locator("iframe").count()) === 1 && page.url().includes(`/inbox/mail/${confirmation.id}`), "the mail opens in the inbox by keyboard");
  await shot("walk-3-mail");
  await page.goto(confirmation.link);
  check((await page.locator("main form button").count()) === 1, "the confirmation page has one button");
  await shot("walk-4-confirm");
  await press("main form button");
  check(await says("Жазылым расталды"), "confirmed, with the date of the first mail");
  const first = (await page.locator("main").innerText()).match(/Алғашқы хат: [^\r\n]+/)[0].trim();
  await shot("walk-5-confirmed");
  const welcome = await mail(address, /Алғашқы хат: [^\r\n]+/);
  check(welcome.link.trim() === first, `the welcome mail says the same day and hour: ${first}`);
  await page.goto(confirmation.link);
  check(await says("бұрын расталған"), "the link says that it was confirmed before");
  await page.goBack();
  await page.goto(await (async () => (await mail(address, /http:\/\/[^\s<"]+\/preferences\/[A-Za-z0-9_-]+/)).link)());
  const settings = page.url();
  await shot("walk-6-settings");

  // Languages in order, a section, chosen days, an hour, text alone: selects by arrow keys, boxes by Space.
  await reach("#language-1");
  await page.keyboard.press("ArrowDown");
  await reach("input[name=section]");
  await page.keyboard.press("Space");
  await reach("input[name=cadence]");
  for (let i = 0; i < 2; i++) await page.keyboard.press("ArrowDown");
  for (const day of [1, 3, 5, 6, 7]) {
    await reach(`input[name=day][value='${day}']`);
    const on = await page.isChecked(`input[name=day][value='${day}']`);
    if (on !== [1, 3].includes(day)) await page.keyboard.press("Space");
  }
  for (const day of [2, 4]) {
    await reach(`input[name=day][value='${day}']`, "Shift+Tab");
    if (await page.isChecked(`input[name=day][value='${day}']`)) await page.keyboard.press("Space");
  }
  await reach("#hour");
  await page.keyboard.press("ArrowDown");
  await reach("input[name=text_only]");
  await page.keyboard.press("Space");
  await press("main form button.is-large");
  check((await page.locator(".saved").count()) === 1, "wishes are saved by keyboard");
  check((await page.isChecked("input[name=cadence][value=days]")) && (await page.isChecked("input[name=day][value='3']"))
    && !(await page.isChecked("input[name=day][value='2']")), "chosen days stand as they were ticked");
  check((await page.inputValue("#language-1")) === "ru" && (await page.inputValue("#hour")) === "09:00" && (await page.isChecked("input[name=text_only]")),
    "language, hour and text alone, too");
  await shot("walk-7-saved");

  // The date field takes digits in the order of the browser's own language, which is not the page's.
  for (const digits of ["03202026", "20032026", "20260320"]) {
    await reach("#paused-until");
    await page.keyboard.type(digits);
    if ((await page.inputValue("#paused-until")) === "2026-03-20") break;
    while ((await page.locator("#paused-until:focus").count()) > 0) await page.keyboard.press("Shift+Tab");
  }
  check((await page.inputValue("#paused-until")) === "2026-03-20", "the day of the pause is typed");
  await press("main form button.is-large");
  check((await page.locator("button[name=resume]").count()) === 1, "paused until a day");
  await shot("walk-8-paused");
  await press("button[name=resume]");
  check((await page.locator("button[name=resume]").count()) === 0, "resumed");

  await press("main a[href*='/unsubscribe/']");
  check(await says("•••"), "the page shows a masked address");
  check((await page.locator("main form button").count()) === 1, "the page to leave has one button");
  const leave = page.url();
  await shot("walk-9-leave");
  await press("main form button");
  check(await says("Вы отписаны. Писем больше не будет."), "left with one button, in the language that is the first now");
  check((await page.locator("main form button").count()) === 1, "the page after leaving has one button");
  await shot("walk-10-left");
  await press("main form button");
  await page.goto(settings);
  check((await page.locator("a[href*='/unsubscribe/']").count()) >= 1, "came back with one button");

  // Another address: both mailboxes say so.
  await type("#new-address", second);
  await press("main form:has(input[name=new_address]) button");
  await shot("walk-11-change");
  const from = await mail(address, /http:\/\/[^\s<"]+\/change\/[A-Za-z0-9_-]+/);
  const to = await mail(second, /http:\/\/[^\s<"]+\/change\/[A-Za-z0-9_-]+/);
  check(!from.text.includes("gulnar") && !to.text.includes("gulnar"), "the mails name no address");
  await page.goto(from.link);
  await shot("walk-12-change-from");
  seen.push(from.link);
  await press("main form button");
  await page.goto(to.link);
  await press("main form button");
  check(await says("•••") && !(await says(second)), "the change is done");
  await page.goto(settings);
  check((await page.locator("input[name=act][value=resend]").count()) === 1 && (await page.locator("main form button").count()) === 1,
    "the old settings link has one button: send a new link");
  await shot("walk-13-expired");
  await press("main form button");
  const fresh = await mail(second, /http:\/\/[^\s<"]+\/preferences\/[A-Za-z0-9_-]+/);
  await page.goto(fresh.link);
  await press("form:has(input[name=act][value=data]) button");
  const data = await mail(second, /http:\/\/[^\s<"]+\/my-data\/[A-Za-z0-9_-]+/);
  await page.goto(data.link);
  await shot("walk-14-data");
  seen.push(fresh.link, data.link, leave);
  await reach("button[value=download]");
  const [file] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("Enter")]);
  const kept = JSON.parse(readFileSync(await file.path(), "utf8"));
  check(kept.address === second && kept.consent.some((entry) => entry.shown?.text && entry.shown.version), "the download holds the text that was agreed to");

  check(!asked.some((url) => !url.startsWith(base)), "no third party was asked for anything");
  check((await phone.cookies()).length === 0, "no cookie was set");
  check(wide.length === 0, `nothing is wider than the phone ${wide.join("; ")}`);

  const width = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const eyes = await width.newPage();
  const section = await (await width.request.get(`${base}/ru/`)).text().then((t) => t.match(/\/ru\/sections\/[a-z-]+/)[0]);
  const pages = ["/kk/", article, section, "/en/subscribe", "/feeds?lang=ru", "/feeds?lang=kk&build=1&languages=kk", "/feeds/kk", "/kk/search",
    "/ru/search?q=%D0%BD%D0%BE%D0%B2%D1%8B%D0%B9", "/kk/news/none", confirmation.link, settings, ...seen];
  for (const path of pages) {
    await eyes.goto(new URL(path, base).href);
    // The pages' policy lets no foreign script in: axe is put there by the tool, not by the page.
    await eyes.evaluate(axeSource);
    const found = await eyes.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
    const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
    const name = new URL(path, base).pathname.replace(/^(\/(?:confirm|preferences|change|my-data|unsubscribe)\/).*/, "$1…");
    check(bad.length === 0, `axe: nothing serious at ${name}${bad.map((v) => ` ${v.id}: ${v.nodes[0].html}`)}`);
  }
  // Erased at the end: the link behind it opens nothing any more.
  await page.goto(data.link);
  await press("button[value=ask]");
  await press("main form button");
  await page.goto(data.link);
  check((await page.locator("main form").count()) === 0, "erased with two buttons, and the links are dead");
} finally {
  await browser.close();
}
