#!/usr/bin/env python3
"""Looks at the sitemaps of a running newsroom: `judge.py BASE_URL`.

sitemap.xsd is the one of sitemaps.org, as the npm package `sitemap` carries it. The schemas of the index, of Google's news and of
the XHTML link are not to be had as packages; those beside this file were written after the published structure.
Every page that is named is asked for, and must name the same translations in its head as the sitemap does.
"""
import os
import re
import sys
import tempfile
import urllib.request
from pathlib import Path

from lxml import etree

HERE = Path(__file__).resolve().parent
PEERS = Path(os.environ.get("PEERS", HERE.parents[2] / "target/peers/node_modules"))
S = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
X = "{http://www.w3.org/1999/xhtml}"
N = "{http://www.google.com/schemas/sitemap-news/0.9}"


def schema_of_urls():
    with tempfile.NamedTemporaryFile("w", suffix=".xsd") as file:
        file.write(f"""<schema xmlns="http://www.w3.org/2001/XMLSchema">
          <import namespace="{S[1:-1]}" schemaLocation="{PEERS / 'sitemap/schema/sitemap.xsd'}"/>
          <import namespace="{X[1:-1]}" schemaLocation="{HERE / 'xhtml-link.xsd'}"/>
          <import namespace="{N[1:-1]}" schemaLocation="{HERE / 'news.xsd'}"/></schema>""")
        file.flush()
        return etree.XMLSchema(file=file.name)


def ask(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.headers, answer.read()


class Judge:
    def __init__(self, base):
        self.base = base.rstrip("/")
        self.urls = schema_of_urls()
        self.indexes = etree.XMLSchema(file=str(HERE / "siteindex.xsd"))
        self.alternates = {}
        self.lastmod = {}

    def read(self, url, schema):
        headers, body = ask(url)
        assert headers["content-type"] == "application/xml; charset=utf-8", headers["content-type"]
        assert headers["etag"] and len(body) < 50_000_000, url
        tree = etree.fromstring(body)
        schema.assertValid(tree)
        request = urllib.request.Request(url, headers={"If-None-Match": headers["etag"]})
        try:
            urllib.request.urlopen(request, timeout=30)
            raise AssertionError(f"{url} has no 304")
        except urllib.error.HTTPError as error:
            assert error.code == 304, (url, error.code)
        return tree

    def index(self):
        """Every child, and in them every address once; alternates name each other."""
        tree = self.read(f"{self.base}/sitemap.xml", self.indexes)
        children = [(one.findtext(S + "loc"), one.findtext(S + "lastmod")) for one in tree]
        for child, lastmod in children:
            pages = self.read(child, self.urls)
            assert 0 < len(pages) <= 50_000, child
            dates = []
            for page in pages:
                loc = page.findtext(S + "loc")
                assert loc not in self.alternates, f"{loc} stands twice"
                self.alternates[loc] = {link.get("hreflang"): link.get("href") for link in page.findall(X + "link")}
                self.lastmod[loc] = page.findtext(S + "lastmod")
                dates.append(self.lastmod[loc] or "")
            assert lastmod is None or max(dates) <= lastmod, (child, lastmod, max(dates))
        for loc, others in self.alternates.items():
            if not others:
                continue
            assert loc in others.values(), f"{loc} does not name itself"
            assert others.get("x-default") in others.values() and len(others) > 2, (loc, others)
            for language, other in others.items():
                assert self.alternates.get(other) == others, f"{other} does not answer {loc}"
        return children

    def pages(self):
        """Every page is there, and says of its translations what the sitemap says."""
        for loc, others in self.alternates.items():
            _, body = ask(loc)
            html = body.decode()
            canonical = re.search(r'<link rel="canonical" href="([^"]+)"', html).group(1)
            assert canonical == loc, (loc, canonical)
            said = dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)"', html))
            wanted = {language: href for language, href in others.items() if language != "x-default"}
            said.pop("x-default", None)
            if wanted:
                assert wanted.items() <= said.items(), (loc, said, wanted)

    def news(self):
        tree = self.read(f"{self.base}/news-sitemap.xml", self.urls)
        assert len(tree) <= 1000
        return [(one.findtext(S + "loc"), one.findtext(f"{N}news/{N}title"), one.findtext(f"{N}news/{N}publication/{N}language"),
                 one.findtext(f"{N}news/{N}publication_date")) for one in tree]


if __name__ == "__main__":
    judge = Judge(sys.argv[1])
    children = judge.index()
    judge.pages()
    print(f"{len(children)} sitemaps, {len(judge.alternates)} pages, {len(judge.news())} news: valid and reciprocal")
