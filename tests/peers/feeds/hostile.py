"""Feeds that nobody should send: every control character, bytes that are no letters, markup that never ends, titles of 200 KB.

`FEEDS` are imported, and what comes out of our feeds must be clean. `REFUSED` must be refused with a word that says why: their
bytes do not say what they mean, so nothing could be mended without inventing text. All of it is our own writing.
"""

import json

CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)])) + "\ufffe\uffff\ufdd0\U0001fffe\U0010ffff"
BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"
UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff\u2028\u2029"

SOUP = [
    "<p>Жабылмаған <b>қалың <i>көлбеу</b> мәтін</i><div>бөлік</p><ul><li>бір<li>екі<table><tr><td>ұя<p>абзац</table>",
    "<script>alert(1)</script><style>p{color:red}</style><p onclick=\"x()\" style=\"behavior:url(x);position:fixed\">Мәтін</p>"
    "<iframe src=\"https://evil.example/\"></iframe><object data=x></object><embed src=x><form action=/x><input name=a></form>",
    "<svg><script>alert(1)</script><foreignObject><p>ішкі</p></foreignObject></svg><math><mtext><img src=x onerror=y></mtext></math>Соңы",
    "<img src=\"data:image/gif;base64,R0lGODlhAQABAAAAACw=\" data-src=\"/lazy/real.jpg\" data-srcset=\"/lazy/real-2x.jpg 2x, /a,b.jpg 3x\" alt=\"Жалқау\">"
    "<noscript><img src=\"/lazy/real.jpg\"></noscript><p>Сурет</p>",
    "<picture><source srcset=\"s.webp 1x, //cdn.example/t.webp 2x\" type=\"image/webp\"><img src=\"../up.jpg\" srcset=\"w.jpg 320w,x.jpg 640w\"></picture>"
    "<video poster=poster.jpg src=film.mp4 autoplay></video><audio src=//cdn.example/sound.mp3></audio>",
    "<a href=\"javascript:alert(1)\">а</a><a href=\" java\nscript:x\">ә</a><a href=\"data:text/html,x\">б</a><a href=\"vbscript:x\">в</a>"
    "<a href=\"relative/page\">г</a><a href=\"#note\">ғ</a><a href=\"//cdn.example/x\">д</a><a href=\"mailto:a@news.example\">е</a>",
    "<base href=\"https://evil.example/\"><meta http-equiv=refresh content=\"0;url=https://evil.example/\"><link rel=stylesheet href=x>Негіз",
    "<![CDATA[ішкі]]> ]]> <!-- түсінік --> --> <?php echo 1 ?> <!DOCTYPE html> &nosuch; &amp &lt; &#8; &#xD800; &#x110000; &#0;",
    "<title>Тақырып</title><textarea><p>мәтін</textarea><select><option>x</select><xmp><b>x</b></xmp><plaintext>қалғаны <b>",
    "<p>" * 400 + "терең" + "<div>" * 400,
    "<a href=\"https://a.example/?a=1&b=2&copy=3&amp;c=<>\" title='\"><script>x</script>'>тырнақша</a><img alt='<b>\"&' src=\"https://a.example/i.png?x=1&y=2\">",
    "<table background=\"/bg.png\"><caption>к<tr><th>а<td>б</table><blockquote cite=\"/src\">дәйек</blockquote><q cite='q'>сөз</q>",
    CONTROLS + "<p>" + CONTROLS + "Бақылау таңбалары" + BIDI + UNSEEN + "</p>",
    "עברית <bdo dir=rtl>مرحبا بالعالم</bdo> \u202eтерісінше\u202c 👩‍👩‍👧‍👦🇰🇿👍🏽",
]

TITLES = [
    "AT&T", "AT&amp;T", "AT&amp;amp;T", "1 < 2", "&lt;b&gt;", "<b>Қалың</b>", "Don't \"x\" & <y>", "&#8;", "&nbsp;", "&copy=1", "]]>",
    "<![CDATA[x]]>", "a\r\nb\rc\td", "<script>alert(1)</script>", "</title></item></channel>", "<?xml version=\"1.0\"?>", "--> <!--",
    "List<String> in 5 < 6 > 4", CONTROLS + "бақылау" + CONTROLS, BIDI + "бағыт" + BIDI, UNSEEN, BIDI, "\u202eтерісінше жазу",
    "مرحبا بالعالم", "שלום עולם", "👩‍👩‍👧‍👦 🇰🇿 👍🏽 ❤️", "Z" + "\u0301" * 5000, "Ұ" * 100_000, "сөз " * 28_000, "👩‍👩‍👧‍👦" * 8_000,
    " \t\n ", "…", "%00%0a", "\\u0000", "{{ 7*7 }}", "'; DROP TABLE article; --",
]


def item(n, **more):
    return {"id": f"https://hostile.example/items/{n}", "url": f"https://hostile.example/items/{n}",
            "date_published": f"2026-02-{1 + n % 27:02}T{n % 24:02}:{n % 60:02}:{n // 60 % 60:02}Z", "language": "kk",
            "content_html": f"<p>Мәтін {n}.</p>", **more}


def feed(items, **more):
    # Escaped, so that every control character gets through JSON itself.
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Қауіпті", "language": "kk",
                       "home_page_url": "https://hostile.example/", **more, "items": items}, ensure_ascii=True).encode()


EVERYWHERE = CONTROLS + "]]>&<\"'" + BIDI + "сөз"
EMPTY = [
    {"id": "only-an-id"}, {"id": "https://hostile.example/e/1", "url": "https://hostile.example/e/1"},
    {"id": "e2", "title": "", "content_html": "", "summary": "", "url": ""}, {"id": "e3", "title": "Тек тақырып"},
    {"id": "e4", "content_html": "<p> </p><p>&nbsp;</p>"}, {"id": "e5", "image": "https://hostile.example/only.jpg"},
    {"id": "e6", "content_html": "<img src=\"https://hostile.example/alone.jpg\">"}, {"id": "", "content_text": "Атсыз"},
    {"id": 7, "content_text": "Сан"}, {"id": None, "title": None, "content_text": "Жоқ"}, {"id": "e8", "tags": [], "authors": [{}], "content_text": "Бос"},
    {"id": "e9", "content_text": "Күні бұрыс", "date_published": "yesterday"}, {"id": "e10", "content_text": "Болашақ", "date_published": "2199-01-01T00:00:00Z"},
    {"id": "e11", "content_text": "Бастауы", "date_published": "0001-01-01T00:00:00Z"},
]

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/"><channel>
<title>Қауіпті &amp; RSS ]]&gt;</title><link>https://hostile.example/rss</link><description>x</description><language>kk</language>
<item><title><![CDATA[Бөлінген ]]]]><![CDATA[> белгі]]></title><guid isPermaLink="false">бос орын бар guid "&lt;&gt;</guid><link>relative/link?a=1&amp;b=2</link>
<description>&lt;p&gt;Екі рет &amp;amp;lt;b&amp;amp;gt;&lt;/p&gt;</description>
<content:encoded><![CDATA[<p>Мәтін ]]]]><![CDATA[> соңы <img src="/a.jpg" srcset="/a.jpg 1x,/b.jpg 2x"></p>]]></content:encoded>
<media:content url="https://hostile.example/m.jpg?w=1&amp;h=2" medium="image" width="-5" height="abc"/><media:credit>&lt;b&gt;А&lt;/b&gt; &amp; Ә</media:credit>
<enclosure url="https://hostile.example/s.mp3?x=1&amp;y=2" length="-1" type="audio/mpeg; x"/><enclosure url="javascript:alert(1)" length="1" type="audio/mpeg"/>
<enclosure url="https://hostile.example/t.mp3" length="12" type="&quot;&gt;&lt;x"/><category>&lt;b&gt;санат&lt;/b&gt;</category><category></category>
<author>editor@hostile.example (Автор &amp; &lt;Серіктес&gt;)</author><source url="javascript:x">Көз</source><pubDate>Tue, 30 Feb 2026 25:61:00 +9900</pubDate></item>
<item/><item><title/><link/><guid/><description/></item>
</channel></rss>""".encode()

HEAD = b'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>x</title><item><title>'
TAIL = b"</title></item></channel></rss>"
BOMB = b'<!DOCTYPE r [<!ENTITY a "xxxxxxxxxx"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'

FEEDS = {
    "controls.json": feed([item(1, title=EVERYWHERE, summary=EVERYWHERE, content_html=EVERYWHERE, authors=[{"name": EVERYWHERE}], tags=[EVERYWHERE, "\u0008"],
                                image="https://hostile.example/" + EVERYWHERE, attachments=[{"url": "https://hostile.example/" + EVERYWHERE, "mime_type": EVERYWHERE},
                                {"url": "https://hostile.example/a.mp3", "mime_type": "audio/mpeg", "title": EVERYWHERE}]),
                           {**item(2), "id": EVERYWHERE, "url": "https://hostile.example/" + EVERYWHERE}], title=EVERYWHERE, feed_url="https://hostile.example/controls"),
    "soup.json": feed([item(100 + n, title=f"Сорпа {n}", content_html=html) for n, html in enumerate(SOUP)], feed_url="https://hostile.example/soup"),
    "titles.json": feed([item(200 + n, title=title) for n, title in enumerate(TITLES)], feed_url="https://hostile.example/titles"),
    "empty.json": feed(EMPTY, feed_url="https://hostile.example/empty"),
    # Half an emoji, as programs write it that cut texts by UTF-16: mended.
    "surrogate.json": feed([item(300, title="Жарты \ud83d", content_html="<p>\ude00 сөз \ud83d\ud83d\ude00</p>")], feed_url="https://hostile.example/half"),
    "strange.rss": RSS,
    # What XML forbids, raw and as references: taken out.
    "raw.rss": HEAD + f"Шикі {CONTROLS[1:]} &#8;&#xFFFE; {BIDI}".encode() + TAIL,
    "bomb.rss": BOMB + HEAD[38:] + b"&c;" + TAIL,
    "wide.rss": b"\xff\xfe" + RSS.decode().replace("utf-8", "utf-16").replace("/rss<", "/wide<").encode("utf-16-le"),
}

REFUSED = {
    "broken.rss": HEAD + "Бүлінген".encode()[:5] + b" \xc3\x28" + TAIL,
    "overlong.rss": HEAD + b"\xc0\x80" + TAIL,
    "surrogate.rss": HEAD + b"\xed\xa0\x80" + TAIL,
    "zero.rss": HEAD + b"a\x00b" + TAIL,
    "control.json": b'{"version":"https://jsonfeed.org/version/1.1","title":"x","items":[{"id":"1","content_text":"a\x08b"}]}',
    "odd.rss": b"\xff\xfe<\x00r\x00s",
    "cut.rss": RSS[:-40],
}

MARKDOWN = "---\ntitle: {}\nlanguage: kk\ntags: \"<b>&]]>\", 'x'\nbyline: <b>А</b> & \"Ә\"\n---\n\n{}\n"
# What an editor's files may hold: name, bytes, exit code, and the word that refuses them; none where they are published.
ARTICLES = [
    ("controls.md", MARKDOWN.format("Бақылау" + CONTROLS[1:10] + BIDI, CONTROLS + "\n\nСөз ]]> &amp;lt; " + BIDI).encode(), 0, ""),
    ("soup.html", ("<h1>Сорпа &amp;amp; &lt;b&gt;</h1>" + "".join(SOUP)).encode(), 0, ""),
    ("long.md", MARKDOWN.format("Ұ" * 100_000, "Мәтін").encode(), 2, "shorten it to"),
    ("broken.md", b"---\ntitle: x\n---\n\n\xd2\x9b\xff\xfe", 2, "it is not UTF-8"),
    ("surrogate.md", b"---\ntitle: x\n---\n\n\xed\xa0\x80", 2, "it is not UTF-8"),
    ("empty.md", MARKDOWN.format("Тақырып", "").encode(), 2, "no body"),
    ("unseen.md", MARKDOWN.format(UNSEEN[:5], "Мәтін").encode(), 2, "no title"),
]
