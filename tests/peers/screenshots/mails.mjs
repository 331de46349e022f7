// Takes pictures of finished mails as programs show them that take something away (M16): `node mails.mjs FOLDER FILE.html…`, with PEERS
// naming node_modules. For each file: without pictures, without <style>, in forced dark (Chromium inverts, as Gmail's app does), at
// 320 px; says what is wider than its screen.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
const require = createRequire((process.env.PEERS ?? process.cwd() + "/node_modules") + "/");
const { chromium } = require("playwright-core");
const [folder, ...files] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--font-render-hinting=none"];
const VARIANTS = [
  { name: "no-images", width: 390, images: false },
  { name: "no-style", width: 390, strip: true },
  { name: "forced-dark", width: 390, dark: true, strip: true },
  { name: "320", width: 320 },
];
let wide = 0;
for (const { name, width, images = true, strip = false, dark = false } of VARIANTS) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: dark ? [...args, "--enable-features=WebContentsForceDark"] : args,
  });
  try {
    const context = await browser.newContext({ viewport: { width, height: 1200 }, hasTouch: true });
    const page = await context.newPage();
    // Nothing is fetched from outside; PHOTO is a file that stands for the lead's picture.
    await page.route(/^https?:/, (route) => (images && process.env.PHOTO && route.request().resourceType() === "image"
      ? route.fulfill({ path: process.env.PHOTO }) : route.abort()));
    for (const file of files) {
      let html = readFileSync(file, "utf8");
      if (strip) html = html.replace(/<style[\s\S]*?<\/style>/g, "");
      await page.setContent(html, { waitUntil: "load" });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) {
        wide += 1;
        console.error(`${basename(file)} ${name}: ${over} px too wide at ${width} px`);
      }
      await page.screenshot({ path: `${folder}/${basename(file, ".html")}-${name}.png`, fullPage: true });
    }
  } finally {
    await browser.close();
  }
}
process.exit(wide ? 1 : 0);
