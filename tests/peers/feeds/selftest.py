"""Does `valid.py` see what it should? Good feeds have no event; each change to them brings the one that is named."""

import sys

import valid

HEADERS = {"rss": {"content-type": "application/rss+xml; charset=utf-8"}, "atom": {"content-type": "application/atom+xml; charset=utf-8"},
           "json": {"content-type": "application/feed+json; charset=utf-8"}}
URL = "https://news.example/feed."
GOOD = {
    "rss": """<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>A &#x26; B</title><link>https://news.example/</link><description>C</description><language>kk</language><lastBuildDate>Sat, 28 Feb 2026 07:00:00 +0500</lastBuildDate><ttl>5</ttl><image><url>https://news.example/i.png</url><title>A &#x26; B</title><link>https://news.example/</link><width>144</width></image><atom:link rel="self" href="https://news.example/feed.rss"/><item><title>D</title><link>https://news.example/1</link><description>E</description><content:encoded><![CDATA[<p>F <a href="https://news.example/x">x</a></p>]]></content:encoded><guid isPermaLink="false">urn:x:1</guid><pubDate>Sat, 28 Feb 2026 07:00:00 +0500</pubDate><enclosure url="https://news.example/a.mp3" length="0" type="audio/mpeg"/><dc:language>kk</dc:language><dc:creator>G</dc:creator><media:content url="https://news.example/b.jpg" medium="image"/></item></channel></rss>""",
    "atom": """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="kk"><title>A</title><id>urn:x:f</id><updated>2026-02-28T07:00:00+05:00</updated><author><name>B</name></author><link rel="self" type="application/atom+xml" href="https://news.example/feed.atom"/><link rel="alternate" type="text/html" href="https://news.example/"/><entry xml:lang="kk"><title>C</title><id>urn:x:1</id><updated>2026-02-28T07:00:00+05:00</updated><link rel="alternate" href="https://news.example/1"/><content type="html">&lt;p&gt;D&lt;/p&gt;</content></entry></feed>""",
    "json": """{"version":"https://jsonfeed.org/version/1.1","title":"A","home_page_url":"https://news.example/","feed_url":"https://news.example/feed.json","icon":"https://news.example/i.png","favicon":"https://news.example/f.png","items":[{"id":"1","url":"https://news.example/1","content_html":"<p>x</p>","date_published":"2026-02-28T07:00:00+05:00","date_modified":"2026-02-28T07:00:00+05:00","language":"kk"}]}""",
}
BAD = [
    ("rss", "<description>C</description>", "", "MissingDescription"),
    ("rss", "<title>A &#x26; B</title><link>https://news.example/</link><desc", "<link>https://news.example/</link><desc", "MissingElement"),
    ("rss", "A &#x26; B</title><link>https://news.example/</link><desc", "A &amp; B</title><link>https://news.example/</link><desc", "CharacterData"),
    ("rss", "<title>D</title>", "<title>&lt;b&gt;D</title>", "CharacterData"),
    ("rss", "<title>D</title>", "<title><![CDATA[D]]></title>", "CharacterData"),
    ("rss", "<title>D</title>", "<title>D\u0008</title>", "BadCharacters"),
    ("rss", "<title>D</title>", "<title>D", "SAXError"),
    ("rss", "<title>D</title>", "<title>D</title><title>E</title>", "DuplicateElement"),
    ("rss", "<title>D</title>", "<title>D</title><titel/>", "UndefinedElement"),
    ("rss", "<language>kk</language>", "", "MissingDCLanguage"),
    ("rss", "<language>kk</language>", "<language>kazakh language</language>", "InvalidLanguage"),
    ("rss", '<atom:link rel="self" href="https://news.example/feed.rss"/>', "", "MissingAtomSelfLink"),
    ("rss", "feed.rss", "feed2.rss", "SelfDoesntMatchLocation"),
    ("rss", "<width>144", "<width>145", "InvalidWidth"),
    ("rss", "i.png", "i.svg", "ImageUrlFormat"),
    ("rss", "<image><url>https://news.example/i.png</url><title>A", "<image><url>https://news.example/i.png</url><title>Z", "ImageTitleDoesntMatch"),
    ("rss", "</title><link>https://news.example/</link><width>", "</title><link>https://news.example/z</link><width>", "ImageLinkDoesntMatch"),
    ("rss", "<pubDate>Sat, 28", "<pubDate>Fri, 28", "IncorrectDOW"),
    ("rss", "<pubDate>Sat, 28 Feb 2026 07:00:00 +0500", "<pubDate>Sat, 28 Feb 2026 07:00:00 GMT", "ProblematicalRFC822Date"),
    ("rss", "<pubDate>Sat, 28 Feb 2026 07:00:00 +0500", "<pubDate>yesterday", "InvalidRFC2822Date"),
    ("rss", "<pubDate>Sat, 28 Feb 2026", "<pubDate>Thu, 01 Jan 1970", "ImplausibleDate"),
    ("rss", ' isPermaLink="false"', "", "InvalidHttpGUID"),
    ("rss", '<guid isPermaLink="false">urn:x:1</guid>', "", "MissingGuid"),
    ("rss", ' length="0"', "", "MissingAttribute"),
    ("rss", '<enclosure url', '<enclosure url="https://news.example/a.mp3" length="0" type="audio/mpeg"/><enclosure url', "DuplicateEnclosure"),
    ("rss", 'type="audio/mpeg"', 'type="audio"', "InvalidMIMEAttribute"),
    ("rss", "<dc:language>", "<author>nobody</author><dc:language>", "InvalidContact"),
    ("rss", "<description>E</description>", "", "NeedDescriptionBeforeContent"),
    ("rss", "<title>D</title><link>https://news.example/1</link><description>E</description>", "", "ItemMustContainTitleOrDescription"),
    ("rss", 'href="https://news.example/x"', 'href="/x"', "ContainsRelRef"),
    ("rss", 'href="https://news.example/x"', 'href="javascript:x"', "SecurityRiskAttr"),
    ("rss", "<p>F", "<p style='x'>F", "DangerousStyleAttr"),
    ("rss", "<p>F", "<p onclick='x'>F", "SecurityRiskAttr"),
    ("rss", "<p>F", "<p><script>x</script>F", "SecurityRisk"),
    ("rss", "<p>F", "<p><b>F", "NotHtml"),
    ("rss", "</p>]]>", "]]>", "NotHtml"),
    ("rss", "<p>F", "<img src='https://news.example/a' srcset='b.jpg 1x, https://news.example/c 2x'><p>F", "ContainsRelRef"),
    ("rss", 'url="https://news.example/b.jpg"', 'url="https://news.example/b c.jpg"', "InvalidURLAttribute"),
    ("rss", "<dc:creator>G", "<dc:creator> ", "NotBlank"),
    ("rss", "<dc:creator>", "<x:y xmlns:x='urn:strange'/><dc:creator>", "UnknownNamespace"),
    ("rss", "<?xml", "\n<?xml", "WPBlankLine"),
    ("rss", "<?xml", "\ufeff<?xml", "BOM"),
    ("rss", 'encoding="utf-8"', 'encoding="windows-1251"', "EncodingMismatch"),
    ("rss", "<item>", '<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/><item>', "MissingCurrentInArchive"),
    ("rss", "<item>", '<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/><fh:complete xmlns:fh="http://purl.org/syndication/history/1.0"/><item>', "ArchiveIncomplete"),
    ("atom", "<entry ", '<fh:archive xmlns:fh="http://purl.org/syndication/history/1.0"/><entry ', "MissingCurrentInArchive"),
    ("atom", "<entry ", '<link rel="current" href="https://news.example/z"/><fh:complete xmlns:fh="http://purl.org/syndication/history/1.0"/><entry ', "CurrentNotSelfInCompleteFeed"),
    ("atom", '<content type', '<link rel="prev-archive" href="https://news.example/1.atom"/><content type', "FeedHistoryRelInEntry"),
    ("atom", "<id>urn:x:f</id>", "", "MissingElement"),
    ("atom", "<author><name>B</name></author>", "", "MissingElement"),
    ("atom", "<id>urn:x:1</id>", "<id>1</id>", "InvalidFullLink"),
    ("atom", "<title>C</title>", "<title>C</title><title>D</title>", "DuplicateElement"),
    ("atom", "2026-02-28T07:00:00+05:00</updated><link rel=\"alternate\" href", "2026-02-28 07:00:00</updated><link rel=\"alternate\" href", "InvalidRFC3339Date"),
    ("atom", '<link rel="alternate" href="https://news.example/1"/>', '<link href="https://news.example/1"/><link rel="alternate" href="https://news.example/2"/>', "DuplicateAtomLink"),
    ("atom", '<entry xml:lang="kk">', "<entry>", "InvalidLanguage"),
    ("atom", "&lt;p&gt;D&lt;/p&gt;", "&lt;p&gt;D", "NotHtml"),
    ("atom", '<content type="html">&lt;p&gt;D&lt;/p&gt;', '<content type="xhtml">D', "MissingXhtmlDiv"),
    ("atom", "feed.atom", "other.atom", "SelfDoesntMatchLocation"),
    ("atom", '<link rel="self" type="application/atom+xml" href="https://news.example/feed.atom"/>', "", "MissingSelf"),
    ("json", "version/1.1", "version/1", "InvalidVersion"),
    ("json", "<p>x</p>", "<p>x", "NotHtml"),
    ("json", "\"url\":\"https://news.example/1\"", "\"url\":\"/1\"", "InvalidFullLink"),
    ("json", "+05:00\",\"date_m", "\",\"date_m", "InvalidRFC3339Date"),
    ("json", "feed.json", "f.json", "SelfDoesntMatchLocation"),
]
READ = {"rss": valid.rss, "atom": valid.atom, "json": valid.json_feed}


def main():
    wrong = []
    for kind, text in GOOD.items():
        found = READ[kind](URL + kind, HEADERS[kind], text.encode())
        wrong += [f"good {kind}: {found}"] if found else []
    for kind, old, new, event in BAD:
        if GOOD[kind].count(old) < 1:
            wrong.append(f"{old} is not in the good {kind}")
            continue
        found = READ[kind](URL + kind, HEADERS[kind], GOOD[kind].replace(old, new, 1).encode())
        wrong += [] if event in [name for name, _ in found] else [f"{old} -> {new}: {event} is not in {found}"]
    found = valid.rss(URL + "rss", {"content-type": "text/html"}, GOOD["rss"].encode())
    wrong += [] if ("UnexpectedContentType", "text/html") in found else [f"content type: {found}"]
    print("\n".join(wrong) or f"{len(BAD)} events are seen")
    sys.exit(1 if wrong else 0)


main()
