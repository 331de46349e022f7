"""The demo's mails before judges that we did not write: Python's strict parser, html-validate."""

import email
import email.policy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from house import BIN, ROOT

sys.path.insert(0, str(ROOT / "tests/peers/mail"))
from judge import judge  # noqa: E402

_MAILS = []


def mails():
    """One mail of each kind that a demo morning sends: bytes by language and subject."""
    if not _MAILS:
        folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-letters-"))
        done = subprocess.run([BIN, "demo", "--once", "--dir", folder / "demo"], cwd=folder, capture_output=True, text=True,
                              timeout=300, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stdout + done.stderr
        inbox, seen = folder / "demo/inbox", set()
        for line in (inbox / "index.jsonl").read_text().splitlines():
            row = json.loads(line)
            if (row["language"], row["subject"]) not in seen:
                seen.add((row["language"], row["subject"]))
                with open(inbox / f"{row['day']}.mail", "rb") as file:
                    file.seek(row["offset"])
                    _MAILS.append(file.read(row["length"]))
        assert {mail["language"] for mail in map(json.loads, (inbox / "index.jsonl").read_text().splitlines())} == {"kk", "ru", "en"}
    return _MAILS


def story_every_kind_of_mail_is_without_fault():
    for raw in mails():
        faults = judge(raw)
        assert not faults, faults


def story_the_judge_sees_faults():
    good = mails()[0]
    assert not judge(good)
    message = email.message_from_bytes(good, policy=email.policy.SMTP)
    text, page = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))

    def spoiled(new_text=text, new_page=page, subject=None):
        copy = email.message.EmailMessage(policy=email.policy.SMTP)
        for name in ("From", "To", "Date", "Message-ID", "Content-Language"):
            copy[name] = message[name]
        copy["Subject"] = subject or message["Subject"]
        copy.set_content(new_text)
        copy.add_alternative(new_page, subtype="html")
        return judge(copy.as_bytes())

    assert not spoiled(), spoiled()
    first = page.index("<h2")
    second = page.index("<h2", first + 1)
    title = page[page.index(">", page.index("<a ", second)) + 1:page.index("</a>", second)]
    for name, faults in {
        "a story that the text lacks": spoiled(new_text=text.replace(" ".join(title.split()[:3]), "Something else")),
        "a pixel": spoiled(new_page=page.replace("</body>", '<img src="https://t.example.com/p" alt=""><img src="https://t.example.com/q" alt=""></body>')),
        "a script": spoiled(new_page=page.replace("</body>", "<script>1</script></body>")),
        "a picture without alt": spoiled(new_page=page.replace("</body>", '<img src="https://t.example.com/p"></body>')),
        "a link that is not absolute": spoiled(new_page=page.replace("</body>", '<a href="/x">x</a></body>')),
        "more than 90 KB": spoiled(new_page=page.replace("</body>", "<p>" + "қ " * 40_000 + "</p></body>")),
        "another title": spoiled(subject="Another subject"),
        "a bare LF": judge(good.replace(b"\r\n\r\n", b"\n\r\n", 1)),
        "no date": judge(good.replace(b"\r\nDate: ", b"\r\nX-Date: ", 1) if b"\r\nDate: " in good else good.replace(b"Date: ", b"X-Date: ", 1)),
    }.items():
        assert faults, f"the judge did not see {name}"


def story_html_validate_finds_nothing():
    folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-html-"))
    for number, raw in enumerate(mails()):
        page = email.message_from_bytes(raw, policy=email.policy.SMTP).get_body(("html",)).get_content()
        (folder / f"{number}.html").write_text(page)
    done = subprocess.run([ROOT / "tests/peers/mail/html-validate.sh", *sorted(folder.glob("*.html"))], capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
