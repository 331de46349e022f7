// Takes the pictures of docs/screenshots that need somebody who joins: the form, the page behind the confirmation, settings, one's own
// data, and two of the small mails. `node join.mjs BASE FOLDER` against a running demo, with PEERS naming node_modules.
import { createRequire } from "node:module";
const require = createRequire((process.env.PEERS ?? process.cwd() + "/node_modules") + "/");
const { chromium } = require("playwright-core");
const [base, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none"],
});
const { request } = await browser.newContext();
const text = async (path) => (await request.get(new URL(path, base).href)).text();
const post = async (path, form) => {
  const answer = await request.post(new URL(path, base).href, { form });
  if (!answer.ok()) throw new Error(`${path} answered ${answer.status()}`);
};
const mail = async (to, pattern) => {
  for (let i = 0; i < 120; i++) {
    for (const [, id] of (await text(`/inbox/list?q=${encodeURIComponent(to)}`)).matchAll(/\/inbox\/mail\/(\d+)/g)) {
      const found = (await text(`/inbox/mail/${id}/text`)).match(pattern);
      if (found) return { path: found[0], html: `/inbox/mail/${id}/html` };
    }
    await new Promise((done) => setTimeout(done, 250));
  }
  throw new Error(`no mail to ${to} with ${pattern}`);
};
try {
  const pages = {};
  for (const lang of ["kk", "ru", "en"]) {
    const address = `madina.${lang}@example.kz`;
    await post(`/${lang}/subscribe`, { address, language: lang, consent: "yes" });
    const asked = await mail(address, /\/confirm\/[A-Za-z0-9_-]+/);
    // Somebody who has not pressed the button yet, for the page with the button.
    const waiting = `dana.${lang}@example.kz`;
    await post(`/${lang}/subscribe`, { address: waiting, language: lang, consent: "yes" });
    const confirm = await mail(waiting, /\/confirm\/[A-Za-z0-9_-]+/);
    await post(asked.path, { act: "confirm" });
    const welcome = await mail(address, /\/preferences\/[A-Za-z0-9_-]+/);
    await post(welcome.path, { act: "data" });
    const data = await mail(address, /\/my-data\/[A-Za-z0-9_-]+/);
    pages[lang] = {
      subscribe: `/${lang}/subscribe`,
      confirm: confirm.path,
      preferences: welcome.path,
      "my-data": data.path,
      "mail-confirmation": confirm.html,
      "mail-welcome": welcome.html,
    };
  }
  for (const [width, form] of [[390, "phone"], [1280, "desktop"]]) {
    for (const scheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme: scheme, hasTouch: width < 500 });
      const page = await context.newPage();
      for (const [lang, paths] of Object.entries(pages)) {
        // One of each is enough to judge dark on a desktop; the repository need not hold every pair.
        if (scheme === "dark" && form === "desktop" && lang !== "kk") continue;
        for (const [name, path] of Object.entries(paths)) {
          const query = name.startsWith("mail-") ? `?images=1&dark=${scheme === "dark" ? 1 : 0}&width=${form}` : "";
          await page.goto(new URL(path + query, base).href);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          if (wide > 0) console.error(`${name} ${lang} at ${width} px is ${wide} px too wide`);
          const fullPage = ["subscribe", "preferences", "my-data"].includes(name);
          await page.screenshot({ path: `${folder}/${name}-${lang}-${form}-${scheme}.png`, fullPage });
        }
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
}
