// Takes a picture of a page or a file with Chromium.
//
//   node shot.mjs URL|FILE OUT.png [WIDTH=1280] [light|dark] [--no-images] [--viewport] [--height=900]
//
// WIDTH ≤ 480 is a phone (touch, two pixels per point). Without --viewport the whole page is taken. CHROMIUM names the browser.
import { pathToFileURL } from "node:url";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { chromium } from "playwright-core";

const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const flags = process.argv.slice(2).filter((word) => word.startsWith("--"));
const [target, out, width = "1280", scheme = "light"] = words;
if (!target || !out) {
  console.error("usage: node shot.mjs URL|FILE OUT.png [WIDTH] [light|dark] [--no-images] [--viewport] [--height=N]");
  process.exit(2);
}
const height = Number(flags.find((f) => f.startsWith("--height="))?.slice(9) ?? 900);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--font-render-hinting=none",
  ],
});
try {
  const phone = Number(width) <= 480;
  const page = await browser.newPage({
    viewport: { width: Number(width), height },
    colorScheme: scheme,
    deviceScaleFactor: phone ? 2 : 1,
    hasTouch: phone,
  });
  if (flags.includes("--no-images")) {
    await page.route("**/*", (route) => (route.request().resourceType() === "image" ? route.abort() : route.continue()));
  }
  const url = existsSync(target) ? pathToFileURL(resolve(target)).href : target;
  await page.goto(url, { waitUntil: "load" });
  // Pictures below the fold wait for the reader to come; the camera comes at once.
  await page.evaluate(() => Promise.all([...document.images].map((image) => {
    image.loading = "eager";
    return image.decode().catch(() => null);
  })));
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 0) console.error(`${target} at ${width} px is ${overflow} px too wide`);
  await page.screenshot({ path: out, fullPage: !flags.includes("--viewport") });
} finally {
  await browser.close();
}
