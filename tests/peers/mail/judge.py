"""Judges finished mails with what we did not write: Python's strict e-mail parser and its HTML parser.

    python3 tests/peers/mail/judge.py FILE.eml…        exits 1 and says what is wrong, file by file

A mail passes if the strict policy finds no defect in any part or header, no line is longer than 998 octets, both parts list
the same stories with the same addresses in the same order and say the same words, the HTML is at most 90 KB, and nothing is fetched from
outside but one picture.
"""

import email
import email.policy
import html.parser
import re
import sys
import urllib.parse

HTML_LIMIT = 90_000
ONCE = ["from", "to", "subject", "date", "message-id", "mime-version", "content-type"]
FETCHING = {"img": "src", "link": "href", "script": "src", "iframe": "src", "video": "src", "audio": "src", "source": "src",
            "object": "data", "embed": "src", "input": "src", "body": "background", "table": "background", "td": "background"}
FORBIDDEN = {"script", "form", "iframe", "object", "embed", "video", "audio", "link", "svg", "base"}
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Reader(html.parser.HTMLParser):
    """What the judge wants to know about the HTML part."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stories, self.fetched, self.faults, self.open, self.h1 = [], [], [], [], 0
        self.language, self.title, self.links = None, "", []
        self.heading, self.skipping = None, 0
        self.words, self.hidden = [], 0

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
            # The preheader, which no reader of the mail sees.
            if self.hidden or "display:none" in (attributes.get("style") or "").replace(" ", ""):
                self.hidden += 1
        elif tag == "br":
            self.words.append(" ")
        if tag in FORBIDDEN:
            self.faults.append(f"<{tag}> has no place in a mail")
        source = attributes.get(FETCHING.get(tag, ""))
        if source:
            self.fetched.append((tag, source))
        for found in re.findall(r"url\(\s*['\"]?([^'\")]+)", attributes.get("style") or ""):
            self.fetched.append((tag, found))
        if tag == "html":
            self.language = attributes.get("lang")
            if attributes.get("dir") not in ("ltr", "rtl"):
                self.faults.append("<html> does not say its direction")
        elif tag == "img" and "alt" not in attributes:
            self.faults.append("a picture has no alt")
        elif tag == "table" and attributes.get("role") != "presentation":
            self.faults.append("a table is not role=presentation")
        elif tag == "h1":
            self.h1 += 1
        elif tag == "h2":
            self.heading = ["", None]
        elif tag == "span" and self.heading is not None:
            self.skipping += 1
        elif tag == "a":
            self.links.append(attributes.get("href") or "")
            if self.heading is not None:
                self.heading[1] = attributes.get("href")

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        self.hidden -= bool(self.hidden)
        self.words.append(" ")
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> closes something else")
        if tag == "h2" and self.heading:
            self.stories.append((" ".join(self.heading[0].split()), self.heading[1]))
            self.heading = None
        elif tag == "span" and self.skipping:
            self.skipping -= 1

    def handle_data(self, data):
        if self.open and self.open[-1] == "title":
            self.title += data
        if self.open and self.open[-1] == "style":
            self.fetched += [("style", found) for found in re.findall(r"url\(\s*['\"]?([^'\")]+)", data)]
            self.fetched += [("style", found) for found in re.findall(r"@import[^;]*", data)]
        if self.heading is not None and not self.skipping:
            self.heading[0] += data
        if self.open and not self.hidden and not {"style", "title"} & set(self.open):
            self.words.append(data)


def words_of(text):
    """The words of a part, however they are written and broken; addresses are compared elsewhere."""
    return set(re.findall(r"[^\W_]+", re.sub(r"https?://\S+", " ", text).casefold()))


def judge(raw):
    """What is wrong with the bytes of one mail, as sentences; empty if nothing is."""
    faults = []
    head, _, body = raw.partition(b"\r\n\r\n")
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        faults.append("a bare CR or LF")
    longest = max((len(line) for line in raw.split(b"\r\n")), default=0)
    if longest > 998:
        faults.append(f"a line of {longest} octets (RFC 5322 section 2.1.1 allows 998)")
    if any(byte > 126 for byte in head):
        faults.append("raw 8-bit in the headers")
    mail = email.message_from_bytes(raw, policy=email.policy.strict)
    for part in mail.walk():
        faults += [f"{part.get_content_type()}: {defect!r}" for defect in part.defects]
        for name, value in part.items():
            faults += [f"{name}: {defect!r}" for defect in getattr(value, "defects", ())]
    for name in ONCE:
        if len(mail.get_all(name, [])) != 1:
            faults.append(f"{len(mail.get_all(name, []))} times {name}")
    if mail.get_content_type() == "text/plain":
        # A person who asked for text alone.
        return faults + ([] if mail.get_content().strip() else ["the text is empty"])
    if mail.get_content_type() != "multipart/alternative":
        return faults + [f"is {mail.get_content_type()}, not multipart/alternative"]
    kinds = [part.get_content_type() for part in mail.iter_parts()]
    if kinds != ["text/plain", "text/html"]:
        return faults + [f"its parts are {kinds}: text first, HTML last (RFC 2046 section 5.1.4)"]
    text, markup = (part.get_content() for part in mail.iter_parts())
    size = len(markup.encode())
    if size > HTML_LIMIT:
        faults.append(f"the HTML has {size} bytes, more than {HTML_LIMIT}")
    reader = Reader()
    reader.feed(markup)
    reader.close()
    faults += reader.faults
    if reader.open:
        faults.append(f"never closed: {reader.open}")
    if reader.h1 != 1:
        faults.append(f"{reader.h1} times <h1>")
    if reader.title.strip() != str(mail["subject"]).strip():
        faults.append(f"<title> {reader.title!r} is not the subject {str(mail['subject'])!r}")
    if mail["content-language"] and str(mail["content-language"]) != reader.language:
        faults.append(f"Content-Language {mail['content-language']} and <html lang={reader.language}> differ")
    pictures = [source for tag, source in reader.fetched if tag == "img"]
    if len(pictures) > 1 or len(reader.fetched) > len(pictures):
        faults.append(f"fetches more than the lead's picture: {reader.fetched}")
    for link in reader.links + pictures:
        if urllib.parse.urlsplit(link).scheme not in ("https", "http", "mailto"):
            faults.append(f"a link that is not absolute: {link!r}")
    flat, at = " ".join(text.split()), 0
    for title, address in reader.stories:
        for words in filter(None, (title, address)):
            found = flat.find(words, at)
            if found < 0:
                faults.append(f"the text part has {words!r} not at all, or in another place than the HTML")
            else:
                at = found + len(words)
    said = words_of("".join(reader.words)), words_of(text)
    missing = [sorted(said[0] - said[1]), sorted(said[1] - said[0])]
    # A small mail has a button that its text part can only describe; a digest says the same in both.
    few = 0 if reader.stories else max(map(len, said)) // 2
    for name, words in zip(("text part lacks", "HTML lacks"), missing):
        if len(words) > few:
            faults.append(f"the {name} {words}")
    # Each story of the text has its address on a line of its own; one that the HTML lacks would stand between the others.
    if reader.stories:
        lines = [line.strip() for line in text.splitlines()]
        known = [address for _, address in reader.stories]
        end = max((n for n, line in enumerate(lines) if line == known[-1]), default=-1)
        start = lines.index(known[0]) if known[0] in lines else 0
        alone = [line for line in lines[start:end + 1] if re.fullmatch(r"https?://\S+", line)]
        if alone != known:
            faults.append(f"the text lists {len(alone)} addresses, the HTML {len(known)}")
    return faults


def main(paths):
    if not paths:
        sys.exit(__doc__)
    bad = 0
    for path in paths:
        with open(path, "rb") as file:
            faults = judge(file.read())
        bad += bool(faults)
        for fault in faults:
            print(f"{path}: {fault}")
    print(f"{len(paths)} mails, {bad} with faults")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
