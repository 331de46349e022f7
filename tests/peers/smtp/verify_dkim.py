#!/usr/bin/env python3
"""Verifies every DKIM signature of messages with dkimpy, which is not ours, and says which did not hold.

usage: verify_dkim.py RECORDS FILE…   RECORDS: lines of `NAME VALUE`, what DNS would answer; exit 1 if a message has not exactly the
signatures of both kinds, all of them good, or if it still verifies after its subject, its sender or its body was changed.
"""
import re
import sys

import dkim

RECORDS = {}


def lookup(name, timeout=5):
    return RECORDS.get(name.decode().rstrip("."))


def is_good(raw, index):
    try:
        return dkim.DKIM(raw, timeout=5).verify(idx=index, dnsfunc=lookup)
    except dkim.DKIMException:
        return False


def verify(raw):
    """[(algorithm, whether it is good)] of all signatures."""
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    unfolded = re.sub(rb"\r?\n[ \t]+", b" ", head)
    tags = re.findall(rb"(?mi)^DKIM-Signature:.*?\ba=([a-z0-9-]+)", unfolded)
    return [(tag.decode(), is_good(raw, i)) for i, tag in enumerate(tags)]


def forged(raw):
    """The message as a forger would have it."""
    head, body = raw.split(b"\r\n\r\n", 1)
    yield "a changed body", head + b"\r\n\r\n" + body.replace(b"a", b"b", 1) + b"x\r\n"
    yield "a second From in front", b"From: Somebody <x@example.org>\r\n" + raw
    yield "a second Subject behind", head + b"\r\nSubject: Win\r\n\r\n" + body
    yield "another Reply-To", b"Reply-To: x@example.org\r\n" + raw
    yield "a Cc", head + b"\r\nCc: x@example.org\r\n\r\n" + body
    if b"\r\nList-Unsubscribe:" in head:
        yield "a second List-Unsubscribe", b"List-Unsubscribe: <https://example.org/>\r\n" + raw
        yield "no one-click", re.sub(rb"\r\nList-Unsubscribe-Post:[^\r]*", b"", head) + b"\r\n\r\n" + body
    if b"\r\nFeedback-ID:" in head:
        yield "no Feedback-ID", re.sub(rb"\r\nFeedback-ID:[^\r]*", b"", head) + b"\r\n\r\n" + body


def judge(raw):
    wrong = []
    found = verify(raw)
    if sorted(tag for tag, _ in found) != ["ed25519-sha256", "rsa-sha256"]:
        wrong.append(f"signed by {[tag for tag, _ in found]}")
    wrong += [f"{tag} does not verify" for tag, good in found if not good]
    return wrong


def main():
    with open(sys.argv[1]) as file:
        for line in file:
            name, value = line.rstrip("\n").split(" ", 1)
            RECORDS[name] = value.encode()
    failed = 0
    for number, path in enumerate(sys.argv[2:]):
        with open(path, "rb") as file:
            raw = file.read()
        wrong = judge(raw)
        # One forgery of each kind is enough to see that the judge can say no.
        if number == 0 and not wrong:
            wrong += [f"still good with {what}" for what, other in forged(raw) if any(good for _, good in verify(other))]
        failed += bool(wrong)
        for sentence in wrong:
            print(f"{path}: {sentence}")
    print(f"{len(sys.argv) - 2 - failed} of {len(sys.argv) - 2} messages verify")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
