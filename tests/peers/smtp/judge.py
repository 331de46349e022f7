#!/usr/bin/env python3
"""Reads messages with Python's strict e-mail policy and says what is wrong with them. Standard library only.

usage: judge.py FILE…      exit 1 if any message has a defect
"""
import email
import email.errors
import email.policy
import re
import sys

ONCE = ["date", "from", "to", "subject", "message-id", "mime-version", "content-type"]
LINK = re.compile(r"https?://[^\s\"<>]+")


def judge(raw: bytes) -> list[str]:
    wrong = []
    if re.search(rb"(?<!\r)\n|\r(?!\n)", raw):
        wrong.append("a line does not end in CRLF")
    if any(len(line) > 998 for line in raw.split(b"\r\n")):
        wrong.append("a line has more than 998 octets")
    head = raw.split(b"\r\n\r\n", 1)[0]
    for word in re.findall(rb"=\?[^?]+\?[bqBQ]\?[^?]*\?=", head):
        if len(word) > 75:
            wrong.append(f"an encoded-word has {len(word)} octets")
    # A mailbox may have a name in other letters (RFC 6532), which Python calls a defect even under its SMTPUTF8 policy.
    allowed = () if head.isascii() else (email.errors.NonASCIILocalPartDefect,)
    message = (
        email.message_from_bytes(raw, policy=email.policy.SMTP)
        if head.isascii()
        else email.message_from_string(raw.decode(), policy=email.policy.SMTPUTF8)
    )
    for part in message.walk():
        wrong += [f"{part.get_content_type()}: {defect!r}" for defect in part.defects]
        for name, value in part.items():
            defects = [d for d in getattr(value, "defects", ()) if not isinstance(d, allowed)]
            wrong += [f"{name}: {defect!r}" for defect in defects]
        if not part.is_multipart():
            part.get_content()
            wrong += [f"body: {defect!r}" for defect in part.defects]
    for name in ONCE:
        if len(message.get_all(name, [])) != 1:
            wrong.append(f"{name} stands {len(message.get_all(name, []))} times")
    if wrong:
        return wrong
    if message["auto-submitted"] != "auto-generated":
        wrong.append("Auto-Submitted is not auto-generated")
    if message["x-auto-response-suppress"] != "OOF, AutoReply":
        wrong.append("X-Auto-Response-Suppress would keep bounces away, too")
    if message["list-unsubscribe"] and message["list-unsubscribe-post"] != "List-Unsubscribe=One-Click":
        wrong.append("List-Unsubscribe has no one-click")
    if message.is_multipart():
        kinds = [part.get_content_type() for part in message.iter_parts()]
        if message.get_content_type() != "multipart/alternative" or kinds != ["text/plain", "text/html"]:
            wrong.append(f"the parts are {kinds}")
        else:
            plain, html = (set(LINK.findall(part.get_content())) for part in message.iter_parts())
            if html - plain:
                wrong.append(f"links of the HTML part alone: {sorted(html - plain)}")
    return wrong


def main() -> int:
    failed = 0
    for path in sys.argv[1:]:
        with open(path, "rb") as file:
            wrong = judge(file.read())
        failed += bool(wrong)
        for sentence in wrong:
            print(f"{path}: {sentence}")
    print(f"{len(sys.argv) - 1 - failed} of {len(sys.argv) - 1} messages without defect")
    return 1 if failed else 0


sys.exit(main())
