// The form of `jarshy embed` on a page of another origin, without script: `node guest.mjs PAGE HOME`, with PEERS naming node_modules.
import { createRequire } from "node:module";
const require = createRequire(process.env.PEERS + "/");
const { chromium } = require("playwright-core");
const [form, home] = process.argv.slice(2);
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
  const context = await browser.newContext({ viewport: { width: 360, height: 740 }, javaScriptEnabled: false });
  const page = await context.newPage();
  const asked = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(form);
  check(asked.every((url) => url.startsWith(new URL(form).origin)), "the form asks nobody for anything");
  await page.fill("input[name=address]", "visitor@example.kz");
  await page.check("input[name=consent]");
  const [answer] = await Promise.all([page.waitForNavigation(), page.click("button[type=submit]")]);
  const main = await page.locator("main").innerText();
  if (home === "refused") {
    check(answer.status() === 403 && main.includes("Форма отправлена с незнакомого нам сайта"), "a site that the settings do not name is refused with a reason");
  } else {
    check(answer.status() === 200 && main.includes("Проверьте почту"), "the answer page says to look into the mailbox");
    const back = page.locator(`a[href='${home}']`);
    check((await back.count()) === 1, "and leads back");
    await Promise.all([page.waitForNavigation(), back.click()]);
    check(page.url() === home, "to the page one came from");
  }
  check((await context.cookies()).length === 0, "no cookie was set");
} finally {
  await browser.close();
}
