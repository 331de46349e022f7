// A person with a phone of 360 px and no script: subscribe, read the confirmation in the inbox, confirm, change wishes, pause,
// leave, come back. Then axe looks at each kind of page. `node walk.mjs BASE`, with PEERS naming node_modules.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
const require = createRequire(process.env.PEERS + "/");
const { chromium } = require("playwright-core");
const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const base = process.argv[2];
const address = "gulnar.walk@example.kz";
const check = (holds, what) => {
  if (!holds) throw new Error(what);
  console.log(what);
};
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  const phone = await browser.newContext({ viewport: { width: 360, height: 740 }, javaScriptEnabled: false, hasTouch: true });
  const page = await phone.newPage();
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(`${base}/kk/`);
  const article = await page.locator("main a[href*='/kk/news/']").first().getAttribute("href");
  await page.goto(new URL(article, base).href);
  await page.goto(`${base}/kk/subscribe`);
  await page.fill("#address", address);
  await page.click("form button.is-large");
  check((await page.locator(".error").count()) > 0 && (await page.inputValue("#address")) === address,
    "without consent the form comes back with what was typed");
  await page.check("input[name=consent]");
  await page.click("form button.is-large");
  const answer = await page.locator("main").innerText();
  check(answer.includes("Поштаңызды тексеріңіз"), "the answer says to look into the mailbox");

  const link = async (pattern) => {
    for (let i = 0; i < 80; i++) {
      await page.goto(`${base}/inbox/list?q=${encodeURIComponent(address)}`);
      const mails = await page.locator("a[href*='/inbox/mail/']").evaluateAll((all) => all.map((a) => a.getAttribute("href")));
      for (const mail of new Set(mails)) {
        const id = mail.match(/mail\/(\d+)/)[1];
        const text = await (await phone.request.get(`${base}/inbox/mail/${id}/text`)).text();
        const found = text.match(pattern);
        if (found) return found[0];
      }
      await new Promise((done) => setTimeout(done, 250));
    }
    throw new Error(`no mail with ${pattern}`);
  };
  const confirmation = await link(/http:\/\/[^\s<"]+\/confirm\/[A-Za-z0-9_-]+/);
  await page.goto(confirmation);
  check((await page.locator("main form button").count()) === 1, "the confirmation page has one button");
  await page.click("main form button");
  check((await page.locator("main").innerText()).includes("Жазылым расталды"), "confirmed, with the date of the first mail");
  check(!asked.some((url) => !url.startsWith(base)), "no third party was asked for anything");
  check((await phone.cookies()).length === 0, "no cookie was set");
  const settings = await page.locator("a[href*='/preferences/']").first().getAttribute("href").catch(() => null);
  check(settings !== null, "the page leads to the settings");
  await page.goto(new URL(settings, base).href);
  await page.check("input[name=cadence][value=weekdays]");
  await page.click("form button.is-large");
  check((await page.locator(".saved").count()) === 1, "wishes are saved without script");
  await page.fill("input[name=paused_until]", "2026-03-20");
  await page.click("form button.is-large");
  check((await page.locator("button[name=resume]").count()) === 1, "paused until a day");
  await page.click("button[name=resume]");
  const leave = await page.locator("a[href*='/unsubscribe/']").first().getAttribute("href");
  await page.goto(new URL(leave, base).href);
  check((await page.locator("main").innerText()).includes("•••"), "the page shows a masked address");
  await page.click("main form button");
  check((await page.locator("main").innerText()).includes("Жазылым тоқтатылды"), "left with one button");
  await page.click("main form button");
  await page.goto(new URL(settings, base).href);
  check((await page.locator("a[href*='/unsubscribe/']").count()) >= 1, "came back with one button");

  const wide = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const eyes = await wide.newPage();
  const section = await (await wide.request.get(`${base}/ru/`)).text().then((t) => t.match(/\/ru\/sections\/[a-z-]+/)[0]);
  for (const path of ["/kk/", article, section, "/en/subscribe", new URL(settings, base).pathname, "/feeds?lang=ru", "/feeds?lang=kk&build=1&languages=kk", "/feeds/kk", "/kk/search", "/ru/search?q=%D0%BD%D0%BE%D0%B2%D1%8B%D0%B9", "/kk/news/none"]) {
    await eyes.goto(new URL(path, base).href);
    // The pages' policy lets no foreign script in: axe is put there by the tool, not by the page.
    await eyes.evaluate(axeSource);
    const found = await eyes.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
    const bad = found.violations.filter((v) => ["serious", "critical"].includes(v.impact));
    check(bad.length === 0, `axe: nothing serious at ${path.replace(/preferences\/.*/, "preferences/…")}${bad.map((v) => ` ${v.id}: ${v.nodes[0].html}`)}`);
  }
} finally {
  await browser.close();
}
