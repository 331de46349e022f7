"""What people and crawlers find feeds and pages by: the builder, search, sitemaps, OPML; read by lxml and the feed judge."""

import subprocess
import sys
import urllib.parse
from email.utils import parsedate_to_datetime

from lxml import etree, html

from feeds import judge
from house import ROOT, House, free_port

SITEMAPS = ROOT / "tests/peers/sitemaps"


def page(house, path, base=None):
    status, headers, body = house.get((base or "") + path)
    assert status == 200, (path, status, body[:300])
    tree = html.fromstring(body)
    return headers, tree, " ".join(tree.text_content().split())


def demo(house):
    port = free_port()
    return house.serve_demo(port), f"http://127.0.0.1:{port}"


def story_the_builder_gives_one_address_that_holds_what_was_ticked():
    with House() as house:
        service, base = demo(house)
        _, tree, _ = page(house, "/feeds?lang=ru", base)
        form = tree.get_element_by_id("builder").find(".//form")
        assert form.get("method") == "get" and form.get("action").startswith("/feeds")
        offered = {(box.get("name"), box.get("value")) for box in form.iterfind(".//input[@type='checkbox']")}
        assert {("languages", "kk"), ("sections", "economy")} <= offered, offered
        # What a browser without script sends when kk, ru and economy are ticked.
        hidden = [(field.get("name"), field.get("value")) for field in form.iterfind(".//input[@type='hidden']")]
        query = urllib.parse.urlencode([*hidden, ("languages", "kk"), ("languages", "ru"), ("sections", "economy")])
        _, tree, text = page(house, f"/feeds?{query}", base)
        assert "Тау жаршысы · Экономика (қаз, рус)" in text
        ticked = {box.get("value") for box in tree.get_element_by_id("builder").iterfind(".//form//input[@checked]")}
        assert ticked == {"kk", "ru", "economy"}, ticked
        addresses = [a.get("href") for a in tree.find_class("built")[0].iterfind(".//dl//a")]
        assert addresses == [f"{base}/f/kk,ru~economy~/feed.{kind}" for kind in ("rss", "atom", "json")], addresses
        first = tree.xpath("//link[@rel='alternate'][@type='application/rss+xml']/@href")[0]
        assert first == addresses[0], first
        copies = [b.get("data-copy") for b in tree.find_class("built")[0].iterfind(".//button")]
        assert copies == addresses, copies
        # The stories of the feeds that were ticked, each once: in Kazakh where its page says that there is such a text, else in Russian.
        links = lambda address: set(etree.fromstring(house.get(address)[2]).xpath("//item/link/text()"))
        parts = [links(f"{base}/{lang}/sections/economy/feed.rss") for lang in ("kk", "ru")]
        alone = set()
        for link in parts[1]:
            _, tree, _ = page(house, urllib.parse.urlsplit(link).path, base)
            if not set(tree.xpath("//link[@rel='alternate'][@hreflang='kk']/@href")) & parts[0]:
                alone.add(link)
        assert all(parts) and alone < parts[1], (parts, alone)
        once = links(addresses[0])
        assert once == parts[0] | alone, (once, parts, alone)
        # The feed's own page names it and shows what is in it.
        _, tree, text = page(house, "/feeds/f/kk,ru~economy~", base)
        assert tree.findtext(".//h1").strip() == "Тау жаршысы · Экономика (қаз, рус)"
        assert len(tree.find_class("card")) == min(10, len(once))
        for other in ("/feeds/all", "/feeds/kk", "/feeds/en/sections/sport"):
            _, tree, _ = page(house, other, base)
            assert len(tree.find_class("address")) == 3 and tree.find_class("card"), other
        searched = "/ru/search?q=" + urllib.parse.quote("новый")
        print(judge(base, "--tags", "0", "--also", "/f/~~", "/f/kk,ru~economy~", "/f/en~society,sport~", searched, "/kk/search?q=zzzz")
              .strip().splitlines()[-1], flush=True)
        house.stop(service)


def story_search_finds_marks_and_escapes():
    with House() as house:
        house.article("one", "kk", "Қазақстанның <экспорты> өсті", "Өткен жылмен салыстырғанда **жоғары**.")
        house.article("two", "ru", "Ёлка на площади", "Её нарядили школьники.")
        service = house.serve()
        _, tree, text = page(house, "/kk/search?q=" + urllib.parse.quote("қазақстан экспорт"))
        assert [mark.text for mark in tree.iter("mark")][:2] == ["Қазақстанның", "экспорты"], text
        assert "<экспорты>" in tree.find_class("card-title")[0].text_content()
        feed = tree.xpath("//link[@rel='alternate'][@type='application/rss+xml']/@href")[0]
        assert etree.fromstring(house.get(feed)[2]).xpath("//item/title/text()") == ["Қазақстанның <экспорты> өсті"]
        _, tree, _ = page(house, "/ru/search?q=" + urllib.parse.quote("елка"))
        assert [mark.text for mark in tree.iter("mark")] == ["Ёлка"]
        _, tree, text = page(house, "/ru/search?q=" + urllib.parse.quote("<script>alert(1)</script>"))
        assert "Ничего не найдено" in text and not tree.xpath("//script[not(@src)]")
        _, tree, text = page(house, "/en/search?q=nothing&section=economy&from=2026-01-01&to=x")
        assert "Nothing found" in text and tree.xpath("//meta[@name='robots']/@content") == ["noindex"]
        house.stop(service)


def story_sitemaps_are_valid_and_answer_each_other():
    with House() as house:
        service, base = demo(house)
        done = subprocess.run([sys.executable, SITEMAPS / "judge.py", base], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        print(done.stdout.strip(), flush=True)
        _, _, robots = house.get(f"{base}/robots.txt")
        assert f"Sitemap: {base}/sitemap.xml" in robots.decode() and "Disallow: /\n" not in robots.decode()
        house.stop(service)


def story_opml_names_every_feed_by_language_and_section():
    with House() as house:
        service, base = demo(house)
        _, headers, body = house.get(f"{base}/feeds.opml")
        assert headers["Content-Type"] == "text/x-opml; charset=utf-8"
        tree = etree.fromstring(body)
        assert tree.tag == "opml" and tree.get("version") == "2.0"
        for name in ("dateCreated", "dateModified"):
            assert parsedate_to_datetime(tree.findtext(f"head/{name}")).utcoffset() is not None
        for group in tree.findall("body/outline[outline]"):
            feeds = group.findall("outline")
            languages = {feed.get("language") for feed in feeds}
            assert len(languages) == 1 and len(feeds) > 1, languages
            language = languages.pop()
            assert feeds[0].get("category") == f"/{language}"
            for feed in feeds:
                assert feed.get("type") == "rss" and feed.get("version") == "RSS2" and feed.get("text") and feed.get("title")
                assert feed.get("category").startswith(f"/{language}")
                for address in (feed.get("xmlUrl"), feed.get("htmlUrl")):
                    assert house.get(address)[0] == 200, address
        house.stop(service)


def story_guessed_addresses_lead_to_feeds():
    with House() as house:
        service = house.serve()
        for guess, feed in {
            "/feed": "/feed.rss", "/feed/": "/feed.rss", "/rss": "/feed.rss", "/rss.xml": "/feed.rss", "/atom.xml": "/feed.atom",
            "/index.xml": "/feed.rss", "/feed.xml": "/feed.rss", "/kk/feed": "/kk/feed.rss", "/kk/feed/": "/kk/feed.rss",
            "/kk/rss.xml": "/kk/feed.rss", "/ru/feed.xml": "/ru/feed.rss", "/en/atom.xml": "/en/feed.atom", "/ru/index.xml": "/ru/feed.rss",
            "/kz/rss.xml": "/kk/feed.rss",
        }.items():
            path = guess
            for _ in range(3):
                status, headers, _ = house.get(path)
                if status == 200:
                    break
                assert status in (301, 308), (guess, status)
                path = headers["Location"]
            assert status == 200 and path == feed, (guess, path)
        # A browser that opens a feed lays it out; a reader is told what it is.
        status, headers, _ = house.get("/kk/feed.atom", headers={"Sec-Fetch-Dest": "document"})
        assert headers["Content-Type"] == "application/xml; charset=utf-8" and "Sec-Fetch-Dest" in headers["Vary"]
        assert house.get("/kk/feed.atom")[1]["Content-Type"].startswith("application/atom+xml")
        assert house.get("/feed.css")[1]["Content-Type"].startswith("text/css")
        house.stop(service)
