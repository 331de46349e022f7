// What feedsmith reads in feeds: `node feedsmith.mjs FILE…` prints one JSON object per file, {file, format, title, ids, titles, enclosures}.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.PEERS ?? import.meta.url)
const { parseFeed } = await import(pathToFileURL(require.resolve('feedsmith')).href)

for (const file of process.argv.slice(2)) {
  let said
  try {
    const { format, feed } = parseFeed(readFileSync(file, 'utf8'))
    const items = feed.items ?? feed.entries ?? []
    const text = (value) => (typeof value === 'string' ? value : value?.value ?? '')
    said = {
      format,
      title: text(feed.title),
      ids: items.map((item) => item.id ?? item.guid?.value),
      titles: items.map((item) => text(item.title)),
      contents: items.map((item) => text(item.content?.encoded ?? item.content_html ?? item.content).length),
    }
  } catch (error) {
    said = { error: String(error) }
  }
  console.log(JSON.stringify({ file, ...said }))
}
