// Takes the pictures of docs/screenshots from a running demo: `node take.mjs BASE FOLDER`, with PEERS naming node_modules.
// Pages and a digest, in Kazakh, Russian and English, on a phone and a desktop, light and dark.
import { createRequire } from "node:module";
const require = createRequire((process.env.PEERS ?? process.cwd() + "/node_modules") + "/");
const { chromium } = require("playwright-core");
const [base, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none"],
});
const ask = await browser.newContext();
const text = async (path) => (await ask.request.get(new URL(path, base).href)).text();
try {
  const pages = {};
  for (const lang of ["kk", "ru", "en"]) {
    const front = await text(`/${lang}/`);
    pages[lang] = {
      front: `/${lang}/`,
      article: front.match(new RegExp(`/${lang}/news/[a-z0-9-]+`))[0],
      section: front.match(new RegExp(`/${lang}/sections/[a-z0-9-]+`))[0],
      feeds: `/feeds?lang=${lang}`,
      builder: `/feeds?lang=${lang}&build=1&languages=kk&languages=${lang}&sections=economy#builder`,
      "feed-page": `/feeds/${lang}/sections/economy`,
      search: `/${lang}/search?q=${encodeURIComponent({ kk: "жаңа", ru: "новый", en: "new" }[lang])}`,
      rss: `/${lang}/feed.rss`,
      atom: `/${lang}/feed.atom`,
    };
  }
  // A digest per language: its mail, its page in the browser and its reader's settings.
  const seen = new Set();
  for (let page = 1; page < 200 && seen.size < 3; page++) {
    const list = await text(`/inbox/list?page=${page}`);
    for (const [, id] of list.matchAll(/\/inbox\/mail\/(\d+)/g)) {
      if (seen.size === 3) break;
      const source = await text(`/inbox/mail/${id}/source`);
      const lang = source.match(/Content-Language: *(?:<[^>]*>)*(kk|ru|en)/)?.[1];
      if (!lang || seen.has(lang) || !source.includes("List-Unsubscribe")) continue;
      const body = await text(`/inbox/mail/${id}/text`);
      const settings = body.match(/\/preferences\/[A-Za-z0-9_-]+/)?.[0];
      const issue = body.match(/\/issues\/[0-9a-f-]+/)?.[0];
      // A full morning shows more of the design than a single story.
      if (!settings || !issue || (body.match(/\/news\//g) ?? []).length < 4) continue;
      seen.add(lang);
      pages[lang].issue = issue;
      pages[lang].digest = `/inbox/mail/${id}/html`;
    }
  }
  if (seen.size < 3) throw new Error(`digests only in ${[...seen]}`);
  for (const [width, form] of [[390, "phone"], [1280, "desktop"]]) {
    for (const scheme of ["light", "dark"]) {
      const context = await browser.newContext({ viewport: { width, height: width < 500 ? 844 : 900 }, colorScheme: scheme, hasTouch: width < 500 });
      const page = await context.newPage();
      for (const [lang, paths] of Object.entries(pages)) {
        for (const [name, path] of Object.entries(paths)) {
          // A feed has no words of its own but those of its stories: one language shows it.
          if ((name === "rss" || name === "atom") && lang !== "kk") continue;
          // One of each is enough to judge dark; the repository need not hold every pair.
          if (scheme === "dark" && form === "desktop" && lang !== "kk") continue;
          const query = name === "digest" ? `?images=1&dark=${scheme === "dark" ? 1 : 0}&width=${form}` : "";
          await page.goto(new URL(path + query, base).href);
          // The page scrolls gently to what the address names; the camera does not wait for that.
          if (name === "builder") await page.locator("#builder").evaluate((box) => box.scrollIntoView({ behavior: "instant" }));
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          if (wide > 0) console.error(`${name} ${lang} at ${width} px is ${wide} px too wide`);
          await page.screenshot({ path: `${folder}/${name}-${lang}-${form}-${scheme}.png` });
        }
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
}
