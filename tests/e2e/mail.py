"""Digests through SMTP servers that we did not write, read by Python's strict policy."""

import datetime
import email
import email.policy
import html.parser
import re
import ssl
import subprocess
import time
import urllib.parse
from zoneinfo import ZoneInfo

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from house import House, free_port, wait_for_port

STORIES = [
    ("kk", "Су тасқынына дайындық басталды", "Өңірде су тасқынына дайындық басталды.\n\nЖағалаудағы бөгеттер бекітілді."),
    ("ru", "Подготовка к паводку началась", "В регионе началась подготовка к паводку.\n\nДамбы укреплены."),
    ("en", "Flood preparations have begun", "Preparations for the flood have begun.\n\nThe dams are reinforced."),
    ("ru", "Школьная олимпиада собрала двести участников", "Олимпиада по математике прошла в три тура."),
    ("en", "A night train joins the two valleys", "The first night train left on time."),
]
PEOPLE = [
    ("aigerim@example.kz", "kk,ru", "Asia/Almaty"),
    ("boris@example.org", "ru,en", "Asia/Almaty"),
    ("carol@example.com", "en", "Asia/Almaty"),
]


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


class Keeper:
    def __init__(self):
        self.kept = []

    async def handle_DATA(self, server, session, envelope):
        self.kept.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content or envelope.content))
        return "250 kept"


def publish(house):
    story = None
    for number, (language, title, body) in enumerate(STORIES):
        more = ["--story", story] if story and number < 3 else []
        found = house.article(f"story-{number}", language, title, body, "--section", "society", *more)
        story = story or found.group(1)


def tomorrow_at_eight():
    almaty = datetime.timezone(datetime.timedelta(hours=5))
    day = datetime.datetime.now(almaty).date() + datetime.timedelta(days=1)
    return f"{day.isoformat()}T08:00:05+05:00"


def subscribe(house):
    for address, languages, zone in PEOPLE:
        house.run("subscriber", "add", address, "--language", languages, "--zone", zone, "--hour", "08:00",
                  "--consent", "agreed in a test")


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag == "a" and dict(attrs).get("href"):
            self.found.append(dict(attrs)["href"])


def judge(raw):
    """A message without defects whose parts list the same items; returns it."""
    assert b"\r\n" in raw and not re.search(rb"(?<!\r)\n", raw), "bare LF"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    for part in message.walk():
        assert not part.defects, part.defects
        for name, value in part.items():
            assert not getattr(value, "defects", ()), (name, value.defects)
    for name in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version"):
        assert len(message.get_all(name, [])) == 1, name
    text = message.get_body(("plain",)).get_content()
    page = message.get_body(("html",)).get_content()
    links = Links()
    links.feed(page)
    news = [link for link in links.found if "/news/" in link]
    assert news, "no stories"
    places = [text.find(link) for link in dict.fromkeys(news)]
    assert -1 not in places and places == sorted(places), "the parts do not list the same items in the same order"
    assert "__jarshy" not in text + page, "a placeholder was left"
    assert len(page.encode()) <= 90 * 1024
    return message


def story_three_people_by_starttls_and_auth():
    house = House(tls="required", mail_host="localhost", mail_more='username = "digest"\npassword = "open sesame"\nca_file = "cert.pem"')
    with house:
        keeper = Keeper()
        server = Controller(
            keeper, hostname="127.0.0.1", port=house.mail_port, tls_context=certificate(house.folder), require_starttls=True,
            auth_required=True, auth_require_tls=True, enable_SMTPUTF8=True, decode_data=False,
            authenticator=lambda s, session, envelope, mechanism, data: AuthResult(
                success=(data.login, data.password) == (b"digest", b"open sesame")))
        server.start()
        try:
            subscribe(house)
            publish(house)
            at = tomorrow_at_eight()
            house.run("digest", "plan", "--at", at)
            house.run("deliver", "--at", at)
            house.run("deliver", "--at", at)
        finally:
            server.stop()
        assert sorted(to[0] for _, to, _ in keeper.kept) == sorted(a for a, _, _ in PEOPLE), keeper.kept
        messages = {to[0]: judge(raw) for _, to, raw in keeper.kept}
        # T15: one Message-ID for each person.
        assert len({m["Message-ID"] for m in messages.values()}) == 3
        assert "Су тасқынына" in str(messages["aigerim@example.kz"]) or messages["aigerim@example.kz"]["Content-Language"] == "kk"
        assert messages["carol@example.com"]["Content-Language"] == "en"
        sums = house.json("verify")
        assert sums["planned"] == 3 and sums["accepted"] == 3 and sums["open"] == 0, sums
        # The mailbox's own button (RFC 8058): one POST, no cookie, no redirect; afterwards nothing is planned any more.
        service = house.serve()
        link = messages["boris@example.org"]["List-Unsubscribe"].split(",")[0].strip(" <>")
        path = urllib.parse.urlparse(link).path
        for _ in range(20):
            assert house.get(path)[0] == 200
        status, headers, _ = house.get(path, "POST", b"List-Unsubscribe=One-Click",
                                       {"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200 and "Location" not in headers and "Set-Cookie" not in headers, (status, headers)
        house.stop(service)
        listed = house.run("subscriber", "list", "--show-addresses")
        assert re.search(r"boris@example\.org.*left", listed), listed


def story_a_month_of_mornings_through_a_foreign_server():
    """Thirty days of three readers in three zones, by the commands alone: one digest on each day with news for them, none on others."""
    with House() as house:
        # The month is told within a minute: its stories are as old as the computer's clock says.
        house.change('reply_to = "office@news.example.kz"', 'reply_to = "office@news.example.kz"\nmax_age_days = 60')
        keeper = Keeper()
        server = Controller(keeper, hostname="127.0.0.1", port=house.mail_port)
        server.start()
        readers = {"aigerim@example.kz": ("kk,ru", "Asia/Almaty", "08:00"), "boris@example.org": ("ru,en", "Europe/Berlin", "08:00"),
                   "carol@example.com": ("en", "America/New_York", "18:00")}
        expected = []
        try:
            for address, (languages, zone, hour) in readers.items():
                house.run("subscriber", "add", address, "--language", languages, "--zone", zone, "--hour", hour, "--consent", "agreed in a test")
            start = datetime.date.today() + datetime.timedelta(days=2)
            for number in range(30):
                day = start + datetime.timedelta(days=number)
                kinds = [("ru", "kk"), ("en",), ("ru",), ()][number % 4]
                story = None
                for language in kinds:
                    more = ["--story", story] if story else []
                    title = {"kk": "Қысқа хабар", "ru": "Короткая новость", "en": "News in brief"}[language] + f" № {number}"
                    story = house.article(f"day-{number}-{language}", language, title, title + ".", *more).group(1)
                for address, (languages, zone, hour) in readers.items():
                    language = next((l for l in languages.split(",") if l in kinds), None)
                    if language:
                        expected.append((address, number, language))
                    moment = datetime.datetime.combine(day, datetime.time.fromisoformat(hour), ZoneInfo(zone)) + datetime.timedelta(seconds=5)
                    house.run("digest", "plan", "--at", moment.isoformat())
                    house.run("deliver", "--at", moment.isoformat())
        finally:
            server.stop()
        got = []
        for _, to, raw in keeper.kept:
            message = judge(raw)
            # The frame speaks the reader's first language; the headline is in the first of theirs that has the story.
            title, number = re.match(r"(.+) № (\d+)$", message["Subject"]).groups()
            assert message["Content-Language"] == readers[to[0]][0].split(",")[0]
            got.append((to[0], int(number), {"Қысқа хабар": "kk", "Короткая новость": "ru", "News in brief": "en"}[title]))
        assert sorted(got) == sorted(expected), sorted(set(got) ^ set(expected))
        sums = house.json("verify")
        assert sums["planned"] == sums["accepted"] == len(expected), sums


def story_no_password_without_starttls():
    """A relay whose STARTTLS was stripped: nothing is sent, not even the user's name; the mail waits."""
    house = House(tls="required", mail_host="localhost", mail_more='username = "digest"\npassword = "open sesame"')
    with house:
        seen = []

        class Listener(Keeper):
            async def handle_AUTH(self, server, session, envelope, args):
                seen.append(args)
                return "535 no"

        server = Controller(Listener(), hostname="127.0.0.1", port=house.mail_port)
        server.start()
        try:
            subscribe(house)
            publish(house)
            at = tomorrow_at_eight()
            house.run("digest", "plan", "--at", at)
            said = house.run("deliver", "--at", at, expect=1)
        finally:
            server.stop()
        assert not seen and "STARTTLS" in said, (seen, said)
        sums = house.json("verify")
        assert sums["open"] == 3 and sums["accepted"] == 0, sums


def story_postfix_smtp_sink():
    with House() as house:
        folder = house.folder / "sink"
        folder.mkdir()
        folder.chmod(0o777)
        house.folder.chmod(0o755)
        sink = subprocess.Popen(["/usr/sbin/smtp-sink", "-u", "nobody", "-d", "%Y%m%d.", f"127.0.0.1:{house.mail_port}", "50"],
                                cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        house.running.append(sink)
        wait_for_port(house.mail_port)
        subscribe(house)
        publish(house)
        at = tomorrow_at_eight()
        house.run("digest", "plan", "--at", at)
        house.run("deliver", "--at", at)
        time.sleep(0.5)
        files = [f for f in folder.iterdir() if f.is_file()]
        kept = []
        for file in files:
            lines = file.read_bytes().replace(b"\r\n", b"\n").split(b"\n")
            # smtp-sink puts the envelope in front as X-… lines and a Received of its own.
            start = next(i for i, line in enumerate(lines) if line.startswith((b"Date:", b"From:", b"Message-ID:", b"MIME-Version:", b"Subject:", b"To:")))
            body = b"\r\n".join(lines[start:]).rstrip(b"\r\n") + b"\r\n"
            if b"Message-ID" in body:
                kept.append(judge(body))
        assert len(kept) == 3, [f.name for f in files]
        sums = house.json("verify")
        assert sums["planned"] == sums["accepted"] == 3, sums


def story_bad_people_are_refused():
    with House() as house:
        for address in ("aigerim", "a@", "x" * 400 + "@example.kz", "a@example.kz\r\nBcc: b@example.kz"):
            said = house.run("subscriber", "add", address, "--consent", "test", expect=2)
            assert "address" in said or "mailbox" in said, said
        said = house.run("subscriber", "add", "a@example.kz", "--zone", "Asia/Atlantis", "--consent", "test", expect=2)
        assert "Asia/Atlantis" in said, said
        assert "example" not in house.run("subscriber", "list", "--show-addresses")
