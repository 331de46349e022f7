"""The rules that validators of the W3C's family report, by the names of their events: `rss(url, headers, body)`,
`atom(url, headers, body)` and `json_feed(url, headers, body)` return `[(event, where)]`, errors and warnings alike.

That validator is no package that could be installed; this is a reading of its documentation with lxml and the standard library.
It knows nothing of how our writers work. `allowed.py` says which events may stand, and why.
"""

import json
import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from urllib.parse import urlsplit

from lxml import etree

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
DC = "http://purl.org/dc/elements/1.1/"
MEDIA = "http://search.yahoo.com/mrss/"
HISTORY = "http://purl.org/syndication/history/1.0"
XML = "{http://www.w3.org/XML/1998/namespace}"
# Vocabularies that the validator knows; another one is told as UnknownNamespace.
KNOWN = {ATOM, CONTENT, DC, MEDIA, "http://purl.org/syndication/history/1.0", "http://purl.org/syndication/thread/1.0",
         "http://www.itunes.com/dtds/podcast-1.0.dtd", "http://purl.org/dc/terms/", "http://www.w3.org/1999/xhtml",
         "http://purl.org/rss/1.0/modules/syndication/"}
TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}
CHANNEL = {"title", "link", "description", "language", "copyright", "managingEditor", "webMaster", "pubDate", "lastBuildDate", "category",
           "generator", "docs", "cloud", "ttl", "image", "rating", "textInput", "skipHours", "skipDays", "item"}
ITEM = {"title", "link", "description", "author", "category", "comments", "enclosure", "guid", "pubDate", "source"}
RFC822 = re.compile(r"^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d\d) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d{4}$")
RFC3339 = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|\d{3}))?(-[A-Za-z0-9]{5,8})*$")
MEDIA_TYPE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*(;.*)?$")
# RFC 3986: what an address may be made of; a percent sign begins two hexadecimal digits.
ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:([A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$")
RISKY = {"script", "meta", "embed", "object", "iframe", "applet", "form", "input", "button", "link", "base", "frame", "frameset", "noscript", "style", "svg", "math"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
LINKS = {"href", "src", "cite", "poster", "background", "longdesc", "data", "action", "usemap"}
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\r")


class Body(HTMLParser):
    """Events of HTML in content."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        if tag in RISKY:
            self.found.append(("SecurityRisk", f"<{tag}>"))
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            value = value or ""
            if name.startswith("on"):
                self.found.append(("SecurityRiskAttr", f"{tag} {name}"))
            if name == "style":
                self.found.append(("DangerousStyleAttr", f"{tag} {value[:40]}"))
            addresses = [value] if name in LINKS else []
            if name == "srcset":
                addresses = [candidate.split()[0] for candidate in re.split(r",\s+", value) if candidate.split()]
            for address in addresses:
                scheme = urlsplit(address.strip()).scheme if re.match(r"^[A-Za-z][A-Za-z0-9+.-]*:", address.strip()) else ""
                if not scheme:
                    self.found.append(("ContainsRelRef", f"{tag} {name}={address[:60]}"))
                elif scheme.lower() not in ("http", "https", "mailto", "tel"):
                    self.found.append(("SecurityRiskAttr", f"{tag} {name}={address[:60]}"))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open[-1] != tag:
            self.found.append(("NotHtml", f"</{tag}> closes {self.open[-1:] or 'nothing'}"))
            return
        self.open.pop()

    def unknown_decl(self, data):
        self.found.append(("NotHtml", f"<![{data[:20]}"))

    def handle_pi(self, data):
        self.found.append(("NotHtml", f"<?{data[:20]}"))


def html(text):
    body = Body()
    body.feed(text)
    body.close()
    return body.found + [("NotHtml", f"<{tag}> never ends") for tag in body.open]


def address(text, event="InvalidFullLink", schemes=("http", "https")):
    text = text or ""
    good = ADDRESS.match(text) and (schemes is None or urlsplit(text).scheme in schemes and urlsplit(text).hostname)
    return [] if good else [(event, text[:80])]


def plausible(at, where):
    if at.year < 1980 or at > datetime.now(timezone.utc) + timedelta(days=1):
        return [("ImplausibleDate", f"{where} {at}")]
    return []


def rfc822(text, where):
    text = text or ""
    match = RFC822.match(text)
    if not match:
        return [("ProblematicalRFC822Date" if re.search(r"\d{4}", text) else "InvalidRFC2822Date", f"{where} {text}")]
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return [("InvalidRFC2822Date", f"{where} {text}")]
    wrong = [] if at.strftime("%w") == str("Sun Mon Tue Wed Thu Fri Sat".split().index(match[1])) else [("IncorrectDOW", f"{where} {text}")]
    return wrong + plausible(at, where)


def rfc3339(text, where):
    text = text or ""
    if not RFC3339.match(text):
        return [("InvalidRFC3339Date", f"{where} {text}")]
    try:
        return plausible(datetime.fromisoformat(text.replace("Z", "+00:00")), where)
    except ValueError:
        return [("InvalidRFC3339Date", f"{where} {text}")]


def integer(text, event, where, least=0):
    return [] if re.fullmatch(r"\d+", text or "") and int(text) >= least else [(event, f"{where} {text}")]


def document(kind, headers, body):
    """What is wrong with the bytes before anybody reads the format."""
    found = []
    said = headers.get("content-type", "")
    if said.split(";")[0].strip() != TYPES[kind]:
        found.append(("UnexpectedContentType", said))
    if "charset" in said and "charset=utf-8" not in said.lower():
        found.append(("EncodingMismatch", said))
    if body.startswith(b"\xef\xbb\xbf"):
        found.append(("BOM", "at the start"))
    if body[:1] not in (b"<", b"{"):
        found.append(("WPBlankLine", body[:10]))
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        return found + [("UnicodeError", str(error))], None
    if kind != "json":
        declared = re.match(r'<\?xml version="1.0"( encoding="([^"]+)")?\?>', text)
        if not declared:
            found.append(("MissingDeclaration", text[:40]))
        elif (declared[2] or "utf-8").lower() != "utf-8":
            found.append(("EncodingMismatch", declared[0]))
        bad = CONTROL.search(text)
        if bad:
            found.append(("BadCharacters", f"U+{ord(bad[0]):04X}"))
    return found, text


def tree_of(body):
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, huge_tree=True)), []
    except etree.XMLSyntaxError as error:
        return None, [("SAXError", str(error))]


def foreign(tree):
    found, strange = [], set()
    for node in tree.iter():
        if not isinstance(node.tag, str):
            continue
        space = etree.QName(node).namespace
        if space and space not in KNOWN:
            strange.add(space)
    return found + [("UnknownNamespace", space) for space in sorted(strange)]


def once(node, names, where):
    """Elements that may stand only once."""
    seen = [child.tag for child in node if isinstance(child.tag, str)]
    return [("DuplicateElement", f"{where} {name}") for name in names if seen.count(name) > 1]


def media(node, where):
    found = []
    for content in node.iter(f"{{{MEDIA}}}content"):
        found += address(content.get("url"), "InvalidURLAttribute")
        for name in ("width", "height", "fileSize"):
            found += integer(content.get(name), "InvalidNonNegativeInteger", f"{where} media:content {name}", 1) if content.get(name) is not None else []
        if content.get("medium") not in (None, "image", "audio", "video", "document", "executable"):
            found.append(("InvalidMediaMedium", content.get("medium")))
        if content.get("type") is not None and not MEDIA_TYPE.match(content.get("type")):
            found.append(("InvalidMIMEAttribute", content.get("type")))
    for thumbnail in node.iter(f"{{{MEDIA}}}thumbnail"):
        found += address(thumbnail.get("url"), "InvalidURLAttribute")
    for credit in node.iter(f"{{{MEDIA}}}credit"):
        found += [] if (credit.text or "").strip() else [("NotBlank", f"{where} media:credit")]
    return found


def history(node, entries):
    """RFC 5005: what the document says of its archive, and that entries say nothing of it."""
    links = {link.get("rel"): link.get("href") for link in node.findall(f"{{{ATOM}}}link")}
    is_archive, is_complete = (node.find(f"{{{HISTORY}}}{name}") is not None for name in ("archive", "complete"))
    found = [("ArchiveIncomplete", "fh:archive beside fh:complete")] if is_archive and is_complete else []
    found += [("MissingCurrentInArchive", "feed")] if is_archive and not links.get("current") else []
    if is_complete and links.get("current") not in (None, links.get("self")):
        found.append(("CurrentNotSelfInCompleteFeed", links["current"]))
    for entry in entries:
        rels = {link.get("rel") for link in entry.findall(f"{{{ATOM}}}link")}
        found += [("FeedHistoryRelInEntry", rel) for rel in sorted(rels & {"prev-archive", "next-archive", "current"})]
    return found


def rss(url, headers, body):
    found, text = document("rss", headers, body)
    if text is None:
        return found
    tree, wrong = tree_of(body)
    if tree is None:
        return found + wrong
    channel = tree.find("channel")
    if tree.tag != "rss" or tree.get("version") != "2.0" or channel is None:
        return found + [("UndefinedElement", tree.tag)]
    found += foreign(tree)
    for name in ("title", "link", "description"):
        if not (channel.findtext(name) or "").strip():
            found.append(("MissingDescription" if name == "description" else "MissingElement", f"channel {name}"))
    found += once(channel, CHANNEL - {"item", "category"}, "channel")
    found += [("UndefinedElement", f"channel {c.tag}") for c in channel if isinstance(c.tag, str) and "{" not in c.tag and c.tag not in CHANNEL]
    found += plain_rss_title(text.split("<item>")[0], channel.findtext("title"), "channel") + address(channel.findtext("link"))
    language = channel.findtext("language")
    found += [] if language and LANGUAGE.match(language) else [("InvalidLanguage" if language else "MissingDCLanguage", str(language))]
    found += rfc822(channel.findtext("lastBuildDate"), "lastBuildDate") + (integer(channel.findtext("ttl"), "InvalidInteger", "ttl", 1) if channel.find("ttl") is not None else [])
    own = [link.get("href") for link in channel.findall(f"{{{ATOM}}}link") if link.get("rel") == "self"]
    found += [("MissingAtomSelfLink", "channel")] if not own else []
    found += [("SelfDoesntMatchLocation", f"{own} {url}")] if own and own != [url] else []
    for link in channel.findall(f"{{{ATOM}}}link"):
        found += address(link.get("href"), "InvalidFullLink")
    found += history(channel, channel.findall("item"))
    image = channel.find("image")
    if image is not None:
        found += [("ImageTitleDoesntMatch", image.findtext("title"))] if image.findtext("title") != channel.findtext("title") else []
        found += [("ImageLinkDoesntMatch", image.findtext("link"))] if image.findtext("link") != channel.findtext("link") else []
        found += [] if re.search(r"\.(png|jpe?g|gif)$", urlsplit(image.findtext("url") or "").path) else [("ImageUrlFormat", image.findtext("url"))]
        for name, most in (("width", 144), ("height", 400)):
            size = image.findtext(name)
            if size is not None and not (size.isdigit() and 0 < int(size) <= most):
                found.append((f"Invalid{name.capitalize()}", size))
    guids = []
    raw_titles = iter(re.findall(r"<item>.*?</item>", text, re.S))
    for item in channel.findall("item"):
        raw = next(raw_titles, "")
        guid, where = item.find("guid"), f"item {item.findtext('guid')}"
        names = [child.tag for child in item if isinstance(child.tag, str)]
        found += once(item, ITEM - {"category", "enclosure"}, where)
        found += [("UndefinedElement", f"{where} {n}") for n in names if "{" not in n and n not in ITEM]
        if not (item.findtext("title") or "").strip() and not (item.findtext("description") or "").strip():
            found.append(("ItemMustContainTitleOrDescription", where))
        found += plain_rss_title(raw, item.findtext("title"), where)
        found += address(item.findtext("link")) if item.find("link") is not None else []
        if guid is None or not (guid.text or "").strip():
            found.append(("MissingGuid", where))
        else:
            guids.append(guid.text)
            if guid.get("isPermaLink", "true") == "true":
                found += address(guid.text, "InvalidHttpGUID")
            elif guid.get("isPermaLink") != "false":
                found.append(("InvalidBooleanAttribute", guid.get("isPermaLink")))
        if item.find("author") is not None and not re.match(r"^\S+@\S+ \(.+\)$", item.findtext("author") or ""):
            found.append(("InvalidContact", item.findtext("author")))
        found += rfc822(item.findtext("pubDate"), where) if item.find("pubDate") is not None else []
        encoded = f"{{{CONTENT}}}encoded"
        if encoded in names and "description" in names and names.index("description") > names.index(encoded):
            found.append(("NeedDescriptionBeforeContent", where))
        if encoded in names and "description" not in names:
            found.append(("NeedDescriptionBeforeContent", f"{where} has no description"))
        found += [(event, f"{where}: {why}") for event, why in html(item.findtext(encoded) or "") + html(item.findtext("description") or "")]
        enclosures = item.findall("enclosure")
        found += [("DuplicateEnclosure", where)] if len(enclosures) > 1 else []
        for enclosure in enclosures:
            for name in ("url", "length", "type"):
                found += [("MissingAttribute", f"{where} enclosure {name}")] if enclosure.get(name) is None else []
            found += address(enclosure.get("url"), "InvalidURLAttribute", ("http", "https")) + integer(enclosure.get("length"), "InvalidIntegerAttribute", where)
            found += [] if MEDIA_TYPE.match(enclosure.get("type") or "") else [("InvalidMIMEAttribute", enclosure.get("type"))]
        for source in item.findall("source"):
            found += address(source.get("url"), "InvalidURLAttribute")
        for category in item.findall("category"):
            found += [] if (category.text or "").strip() else [("NotBlank", f"{where} category")]
        for tongue in item.findall(f"{{{DC}}}language"):
            found += [] if LANGUAGE.match(tongue.text or "") else [("InvalidLanguage", tongue.text)]
        for creator in item.findall(f"{{{DC}}}creator"):
            found += [] if (creator.text or "").strip() else [("NotBlank", f"{where} dc:creator")]
        found += media(item, where)
    found += [("DuplicateValue", guid) for guid in sorted({g for g in guids if guids.count(g) > 1})]
    return found


def plain_rss_title(raw, text, where):
    """The profile on character data: `&lt;b&gt;` in a title is taken for markup, `&#x3C;b&#x3E;` is text. Only the bytes tell."""
    written = re.search(r"<title>([^<]*)</title>", raw)
    if written and re.search(r"&(lt|amp|gt);", written[1]):
        return [("CharacterData", f"{where} {written[1][:60]}")]
    return [] if written or text is None else [("CharacterData", f"{where} title is no plain text")]


def atom(url, headers, body):
    found, text = document("atom", headers, body)
    if text is None:
        return found
    tree, wrong = tree_of(body)
    if tree is None:
        return found + wrong
    if tree.tag != f"{{{ATOM}}}feed":
        return found + [("UndefinedElement", tree.tag)]
    found += foreign(tree)
    ids, updates = [], []
    feed_author = tree.find(f"{{{ATOM}}}author") is not None
    for node in [tree, *tree.findall(f"{{{ATOM}}}entry")]:
        where = "feed" if node is tree else f"entry {node.findtext(f'{{{ATOM}}}id')}"
        for name in ("id", "title", "updated"):
            if not (node.findtext(f"{{{ATOM}}}{name}") or "").strip():
                found.append(("MissingElement", f"{where} {name}"))
        single = ["id", "title", "updated", "published", "summary", "content", "rights", "source", "subtitle", "generator", "icon", "logo"]
        found += once(node, [f"{{{ATOM}}}{n}" for n in single], where)
        found += address(node.findtext(f"{{{ATOM}}}id"), "InvalidFullLink", None)
        for name in ("updated", "published"):
            stamp = node.findtext(f"{{{ATOM}}}{name}")
            found += rfc3339(stamp, f"{where} {name}") if stamp is not None else []
        language = node.get(f"{XML}lang")
        found += [] if language and LANGUAGE.match(language) else [("InvalidLanguage", f"{where} {language}")]
        links = node.findall(f"{{{ATOM}}}link")
        pairs = [(l.get("type"), l.get("hreflang")) for l in links if l.get("rel", "alternate") == "alternate"]
        found += [("DuplicateAtomLink", f"{where} {pair}") for pair in {p for p in pairs if pairs.count(p) > 1}]
        for link in links:
            found += address(link.get("href"), "InvalidURIAttribute")
            found += [] if link.get("type") is None or MEDIA_TYPE.match(link.get("type")) else [("InvalidMIMEAttribute", link.get("type"))]
            found += [] if link.get("length") is None else integer(link.get("length"), "InvalidIntegerAttribute", where)
        if node is tree:
            own = [l.get("href") for l in links if l.get("rel") == "self"]
            found += [("MissingSelf", "feed")] if not own else []
            found += [("SelfDoesntMatchLocation", f"{own} {url}")] if own and own != [url] else []
            for name in ("icon", "logo"):
                found += address(node.findtext(f"{{{ATOM}}}{name}")) if node.find(f"{{{ATOM}}}{name}") is not None else []
        else:
            ids.append(node.findtext(f"{{{ATOM}}}id"))
            updates.append(node.findtext(f"{{{ATOM}}}updated"))
            if not feed_author and node.find(f"{{{ATOM}}}author") is None:
                found.append(("MissingElement", f"{where} author"))
            if node.find(f"{{{ATOM}}}content") is None and not any(l.get("rel", "alternate") == "alternate" for l in links):
                found.append(("MissingAlternateLink", where))
            found += media(node, where)
        for name in ("title", "summary", "subtitle", "rights", "content"):
            for part in node.findall(f"{{{ATOM}}}{name}"):
                kind = part.get("type", "text")
                if kind == "xhtml" and part.find("{http://www.w3.org/1999/xhtml}div") is None:
                    found.append(("MissingXhtmlDiv", f"{where} {name}"))
                if kind == "html":
                    found += [(event, f"{where}: {why}") for event, why in html(part.text or "")]
                if len(part) and kind != "xhtml":
                    found.append(("UndefinedElement", f"{where} {name} holds elements"))
        for person in node.findall(f"{{{ATOM}}}author"):
            found += [] if (person.findtext(f"{{{ATOM}}}name") or "").strip() else [("MissingElement", f"{where} author name")]
    found += history(tree, tree.findall(f"{{{ATOM}}}entry"))
    found += [("DuplicateEntries", i) for i in sorted({i for i in ids if ids.count(i) > 1})]
    found += [("DuplicateUpdated", stamp) for stamp in sorted({u for u in updates if updates.count(u) > 1})]
    return found


def json_feed(url, headers, body):
    found, text = document("json", headers, body)
    if text is None:
        return found
    feed = json.loads(text)
    if next(iter(feed)) != "version" or feed["version"] != "https://jsonfeed.org/version/1.1":
        found.append(("InvalidVersion", str(feed.get("version"))))
    found += [("SelfDoesntMatchLocation", feed.get("feed_url"))] if feed.get("feed_url") != url else []
    for name in ("home_page_url", "feed_url", "icon", "favicon"):
        found += address(feed.get(name))
    ids = [item.get("id") for item in feed["items"]]
    found += [("DuplicateValue", i) for i in sorted({i for i in ids if ids.count(i) > 1})]
    for item in feed["items"]:
        where = f"item {item.get('id')}"
        found += [] if isinstance(item.get("id"), str) and item["id"] else [("MissingGuid", where)]
        found += address(item.get("url")) + rfc3339(item.get("date_published"), where) + rfc3339(item.get("date_modified"), where)
        found += [] if LANGUAGE.match(item.get("language", "")) else [("InvalidLanguage", where)]
        found += [] if item.get("content_html") or item.get("content_text") else [("MissingElement", f"{where} content")]
        found += [(event, f"{where}: {why}") for event, why in html(item.get("content_html", ""))]
        for name in ("external_url", "image", "banner_image"):
            found += address(item[name], "InvalidURLAttribute") if name in item else []
        for file in item.get("attachments", []):
            found += address(file.get("url"), "InvalidURLAttribute")
            found += [] if MEDIA_TYPE.match(file.get("mime_type", "")) else [("InvalidMIMEAttribute", where)]
    return found
