// Asks caniemail's data what Gmail, Outlook, Mail.ru and Apple Mail make of finished mails: `node caniemail.mjs FILE.html…`, with PEERS
// naming node_modules. Exits 1 if a feature is used that one of them lacks and that is not allowed below, with the reason why the mail
// is whole without it; and if something is allowed that no mail uses any more.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const CLIENTS = ["gmail.*", "outlook.*", "mail-ru.*", "apple-mail.*"];
const ALLOWED = JSON.parse(readFileSync(new URL("caniemail-allowed.json", import.meta.url)));

const require = createRequire(join(process.env.PEERS ?? join(process.cwd(), "node_modules"), "x"));
const { caniemail } = await import(pathToFileURL(require.resolve("caniemail")).href);

const used = new Set();
let bad = 0;
for (const file of process.argv.slice(2)) {
  const { issues } = caniemail({ clients: CLIENTS, html: readFileSync(file, "utf8") });
  const found = new Map();
  for (const [kind, byClient] of Object.entries(issues)) {
    for (const [client, all] of byClient instanceof Map ? byClient : Object.entries(byClient)) {
      for (const issue of all) {
        const title = issue.title ?? issue;
        if (!found.has(title)) found.set(title, new Set());
        found.get(title).add(`${client} (${kind === "errors" ? "lacks it" : "in part"})`);
      }
    }
  }
  for (const [title, clients] of found) {
    if (ALLOWED[title]) {
      used.add(title);
    } else {
      bad += 1;
      console.log(`${basename(file)}: ${title}: ${[...clients].join(", ")}`);
    }
  }
}
for (const title of Object.keys(ALLOWED)) {
  if (!used.has(title)) {
    bad += 1;
    console.log(`allowed and not used by any mail: ${title}`);
  }
}
console.log(`${process.argv.length - 2} mails, ${bad} findings`);
process.exit(bad ? 1 : 0);
