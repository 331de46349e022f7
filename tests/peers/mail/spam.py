"""Asks SpamAssassin (Debian's package, local tests only) about finished mails.

    python3 tests/peers/mail/spam.py FILE.eml…        exits 1 if a rule about the content scores above 0.1

No rule may score above 0.1, but for
- HTML_IMAGE_ONLY_* on short issues: one photo beside few words is what a short issue is;
- MIXED_ES on mails in Cyrillic: it takes the Russian and Kazakh letter "е" for a disguised Latin "e" and fires as soon as a mail holds
  more than 20 of one and half as many again of the other. The text part gives every address in full, `/news/` and `/preferences/` in them,
  so more than twenty Latin "e" cannot be avoided from the second story on.
Rules that look at the way a mail came are left out, because these mails came no way at all.
"""

import os
import re
import subprocess
import sys
import tempfile

LIMIT = 0.1
ROUTE = {"NO_RELAYS", "NO_RECEIVED", "ALL_TRUSTED", "UNPARSEABLE_RELAY"}
SHORT = re.compile(r"HTML_IMAGE_ONLY_\d+$")
CYRILLIC = re.compile(r"-(kk|ru)\.eml$")


def rules(path, home):
    """Points and names of the rules that fired."""
    with open(path, "rb") as mail:
        done = subprocess.run(["spamassassin", "-L", "-t", "--cf=use_bayes 0", "--cf=use_auto_welcomelist 0"], stdin=mail, capture_output=True, check=True,
                              env={**os.environ, "HOME": home, "LC_ALL": "C.UTF-8"}, timeout=120)
    report = done.stdout.decode(errors="replace")
    assert "Content analysis details" in report, report[-2000:] + done.stderr.decode(errors="replace")
    return [(float(points), name) for points, name in re.findall(r"^\s*(-?\d+\.\d+)\s+([A-Z0-9_]+)\s", report.split("Content analysis details")[-1], re.M)]


def main(paths):
    if not paths:
        sys.exit(__doc__)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="jarshy-spam-") as home:
        for path in paths:
            for points, name in rules(path, home):
                if points <= LIMIT or name in ROUTE:
                    continue
                is_short = os.path.getsize(path) < 30_000
                if not (SHORT.match(name) and is_short) and not (name == "MIXED_ES" and CYRILLIC.search(path)):
                    bad += 1
                    print(f"{path}: {name} scores {points}")
    print(f"{len(paths)} mails, {bad} rules above {LIMIT}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
