"""Every kind of mail in every language before judges that we did not write: Python's strict parser, html-validate, caniemail
(tests/peers/mail/caniemail.mjs) and SpamAssassin. All of them are what the program really sends, taken from an SMTP server."""

import datetime
import email
import email.policy
import html.parser
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from aiosmtpd.controller import Controller

from house import ROOT, House

sys.path.insert(0, str(ROOT / "tests/peers/mail"))
from judge import Reader, judge  # noqa: E402

PEERS = Path(os.environ.get("JARSHY_PEERS", ROOT / "target/peers"))
READERS = {"kk": ("aigerim@example.kz", "kk,ru"), "ru": ("boris@example.org", "ru,kk"), "en": ("carol@example.com", "en")}
HEADS = {
    "kk": ["Су тасқынына дайындық басталды", "Ауыл мектебінде жаңа кітапхана ашылды", "Көкөніс жәрмеңкесі сенбіде өтеді",
           "Қанағаттандырылмағандықтарыңыздан туған сұрақтар талқыланды", "Тау шаңғысынан жасөспірімдер жарысы аяқталды"],
    "ru": ["Началась подготовка к паводку", "В сельской школе открыли новую библиотеку", "Ярмарка овощей пройдёт в субботу",
           "Обсуждены приоритетные направления международного сотрудничества", "Завершились юниорские соревнования по горным лыжам"],
    "en": ["Flood season preparations begin", "A village school opens its new library", "The vegetable fair is on Saturday",
           "Priorities of international cooperation were discussed", "The junior alpine ski races have come to an end"],
}
BODIES = {
    "kk": "Төтенше жағдайлар қызметі өзен бойындағы ауылдарды аралап, бөгеттердің жайын тексерді. Қауіпті учаскелерде кезекшілік күшейтілді.",
    "ru": "Спасатели объехали посёлки вдоль реки и проверили состояние плотин. На опасных участках усилено дежурство.",
    "en": "Rescue teams visited the villages along the river and checked the dams. Watch has been doubled where the banks are low.",
}
CORRECTED = {"kk": "Тексерілген бөгеттер саны нақтыланды.", "ru": "Уточнено число проверенных плотин.", "en": "The number of dams checked has been put right."}
NOTES = {"kk": "Құрметті оқырман! Наурыз күндері редакция демалады.", "ru": "Дорогие читатели! В дни Наурыза редакция отдыхает.", "en": "Dear readers, the newsroom is closed during Nauryz."}
LONG = 60

_MAILS = {}
LAST = {}  # What the last `article publish` said.


class Keeper:
    def __init__(self):
        self.kept = []

    async def handle_DATA(self, server, session, envelope):
        self.kept.append((envelope.rcpt_tos[0], envelope.original_content or envelope.content))
        return "250 kept"


class Form(html.parser.HTMLParser):
    """The fields of the first form in `<main>` that posts, as a browser without script would send them."""

    def __init__(self, page):
        super().__init__()
        self.fields, self.boxes = [], {}
        self.action, self.inside, self.select, self.options = None, False, None, []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None and (attributes.get("method") or "").lower() == "post":
            self.inside, self.action = True, attributes.get("action") or ""
        elif self.inside and tag == "input" and attributes.get("name"):
            kind, value = attributes.get("type") or "text", attributes.get("value")
            if kind == "checkbox":
                self.boxes[attributes["name"]] = value or "on"
            if kind not in ("checkbox", "radio", "submit") or "checked" in attributes:
                self.fields.append((attributes["name"], value or ("on" if kind == "checkbox" else "")))
        elif self.inside and tag == "select":
            self.select, self.options = attributes.get("name"), []
        elif self.inside and tag == "option" and self.select:
            # The first stands until one says that it is selected.
            if not self.options or "selected" in attributes:
                self.options = [attributes.get("value") or ""]

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = False
        elif tag == "select" and self.select:
            self.fields += [(self.select, value) for value in self.options]
            self.select = None


def morning(day):
    almaty = datetime.timezone(datetime.timedelta(hours=5))
    return f"{(datetime.datetime.now(almaty).date() + datetime.timedelta(days=day)).isoformat()}T08:00:05+05:00"


def send(house, keeper, day):
    """The digests of a morning, by language."""
    before = len(keeper.kept)
    house.run("digest", "plan", "--at", morning(day))
    house.run("deliver", "--at", morning(day))
    found = dict(keeper.kept[before:])
    return {language: found[address] for language, (address, _) in READERS.items()}


def publish(house, name, language, title, *args, lead=""):
    path = house.folder / f"{name}.md"
    path.write_text(f"---\ntitle: {title}\nlanguage: {language}\n{lead}---\n\n{BODIES[language]}\n")
    LAST.update(house.json("article", "publish", path, *args))
    return LAST["uid"]


def digests(house, keeper):
    house.change("[mail]", f"max_items = {LONG}\n[mail]")
    for address, languages in READERS.values():
        house.run("subscriber", "add", address, "--language", languages, "--zone", "Asia/Almaty", "--hour", "08:00",
                  "--consent", "agreed in a test")
    first, story = {}, []
    for language in READERS:
        first[language] = publish(house, f"first-{language}", language, HEADS[language][0], "--section", "society", "--importance", "lead", *story,
                                  lead=f"lead: /media/flood.jpg\nlead_alt: {HEADS[language][0]}\n")
        story = ["--story", LAST["story"]]
    second = {}
    for number in range(1, 3):
        for language in READERS:
            second[language] = publish(house, f"second-{number}-{language}", language, HEADS[language][number], "--section", "economy")
    few = send(house, keeper, 1)
    for language in READERS:
        # A Kazakh and a Russian reader share their stories, each its own first; so each gets 60.
        for number in range(LONG if language == "en" else LONG // 2):
            title = f"{HEADS[language][number % 5]} № {number + 10}"
            publish(house, f"long-{number}-{language}", language, title, "--section", "economy" if number % 3 else "society",
                    "--byline", "Tau Herald", *(["--importance", "brief"] if number % 7 == 6 else []))
    long = send(house, keeper, 2)
    for language in READERS:
        publish(house, f"last-{language}", language, HEADS[language][4], "--section", "society")
        house.run("article", "correct", first[language], "--sentence", CORRECTED[language])
        house.run("article", "withdraw", second[language])
        house.run("digest", "note", NOTES[language], "--language", language, "--date", morning(3)[:10])
    told = send(house, keeper, 3)
    for kind, mails in (("few", few), ("long", long), ("corrections", told)):
        for language, raw in mails.items():
            _MAILS[f"digest-{kind}-{language}"] = raw
    one = House()
    one.change('public_url = "http://127.0.0.1:%d"' % one.port, 'public_url = "https://news.example.kz"')
    for language in READERS:
        publish(one, f"one-{language}", language, HEADS[language][3], "--section", "society")
        one.run("digest", "preview", "--languages", language, "--out", one.folder / language)
        _MAILS[f"digest-one-{language}"] = (one.folder / language / "digest.eml").read_bytes()


def small(house, keeper):
    """What the service itself sends: every mail that a person's way through the pages sets off."""
    house.change("[mail]", "welcome = true\ngoodbye = true\n[mail]")
    house.change("[database]", 'trusted_proxies = ["127.0.0.1/32"]\n[database]')
    service = house.serve()

    def after(names, path, fields):
        """Posts, and keeps the mails that come of it under those names; returns the last one's text."""
        before = len(keeper.kept)
        status, _, page = house.get(path, "POST", urllib.parse.urlencode(fields).encode(),
                                    {"Content-Type": "application/x-www-form-urlencoded",
                                     # Three people, not one who asks for too much.
                                     "X-Forwarded-For": f"192.0.2.{list(READERS).index(language) + 1}"})
        assert status in (200, 303), (path, status, fields, re.findall(r'class="error"[^>]*>[^<]*', page.decode()))
        for _ in range(200):
            if len(keeper.kept) >= before + len(names):
                break
            time.sleep(0.1)
        came = sorted(keeper.kept[before:])
        assert len(came) == len(names), (path, names, len(came))
        for name, (_, raw) in zip(names, came):
            _MAILS[f"{name}-{language}"] = raw
        return email.message_from_bytes(came[-1][1], policy=email.policy.SMTP).get_body(("plain",)).get_content()

    def link(text, word):
        return urllib.parse.urlsplit(re.search(rf"https?://\S+/{word}/\S+", text).group()).path

    for language in READERS:
        address, path = f"new.reader.{language}@example.net", f"/{language}/subscribe"
        form = Form(house.get(path)[2].decode())
        asked = [(name, value) for name, value in form.fields if name not in ("address", "consent")]
        asked += [("address", address), ("consent", form.boxes["consent"])]
        text = after(["confirmation"], path, asked)
        confirm = link(text, "confirm")
        text = after(["welcome"], confirm, Form(house.get(confirm)[2].decode()).fields)
        settings, leave = link(text, "preferences"), link(text, "unsubscribe")
        after(["already"], path, asked)
        # By address: the old mailbox and the new one.
        after(["change_from", "change_to"], settings, [("act", "change"), ("new_address", f"other.{address}")])
        after(["link"], settings, [("act", "data")])
        after(["goodbye"], leave, Form(house.get(leave)[2].decode()).fields)
    house.stop(service)
    house.run("digest", "send-test", READERS["kk"][0], "--plain")
    _MAILS["test-kk"] = keeper.kept[-1][1]


def mails():
    """Every kind of mail in every language: name and bytes."""
    if not _MAILS:
        with House() as house:
            # The address that readers have: rules of spam filters look at what links name.
            house.change(f'public_url = "{house.base}"', 'public_url = "https://news.example.kz"')
            keeper = Keeper()
            server = Controller(keeper, hostname="127.0.0.1", port=house.mail_port)
            server.start()
            try:
                digests(house, keeper)
                small(house, keeper)
            finally:
                server.stop()
        keep = os.environ.get("JARSHY_KEEP_MAILS")
        for name, raw in _MAILS.items() if keep else ():
            Path(keep).mkdir(parents=True, exist_ok=True)
            (Path(keep) / f"{name}.eml").write_bytes(raw)
        # Whoever adds a kind of mail adds it here, or it is judged by nobody.
        kinds = {path.stem for path in (ROOT / "templates/email").glob("*.txt")}
        assert kinds == {name.split("-")[0] for name in _MAILS}, kinds
    return _MAILS


def pages():
    """The HTML parts as files."""
    folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-html-"))
    for name, raw in mails().items():
        page = email.message_from_bytes(raw, policy=email.policy.SMTP).get_body(("html",)).get_content()
        (folder / f"{name}.html").write_text(page)
    return sorted(folder.glob("*.html"))


def story_every_kind_of_mail_is_without_fault():
    for name, raw in mails().items():
        faults = judge(raw)
        assert not faults, (name, faults)
    languages = {str(email.message_from_bytes(raw, policy=email.policy.SMTP)["content-language"]) for raw in mails().values()}
    assert languages == {"kk", "ru", "en"}, languages


def story_sixty_items_stay_within_90_kilobytes():
    """M16, T18: sixty stories of the newsletter are all shown, in both parts, and Gmail does not clip the mail."""
    for language in READERS:
        message = email.message_from_bytes(mails()[f"digest-long-{language}"], policy=email.policy.SMTP)
        page = message.get_body(("html",)).get_content()
        reader = Reader()
        reader.feed(page)
        size = len(page.encode())
        print(f"      {language}: {len(reader.stories)} stories, {size} bytes")
        assert len(reader.stories) >= LONG and size <= 90_000, (language, len(reader.stories), size)


def story_the_judge_sees_faults():
    good = mails()["digest-few-en"]
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
        "words that the text lacks": spoiled(new_page=page.replace("</h1>", "</h1><p>Unheard words</p>", 1)),
        "words that the HTML lacks": spoiled(new_text=text + "\nUnheard words\n"),
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
    done = subprocess.run([ROOT / "tests/peers/mail/html-validate.sh", *pages()], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def story_caniemail_finds_nothing_that_is_not_allowed_for_a_reason():
    """M16: Gmail, Outlook, Mail.ru and Apple."""
    done = subprocess.run(["node", ROOT / "tests/peers/mail/caniemail.mjs", *pages()], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PEERS": str(PEERS / "node_modules")})
    assert done.returncode == 0, done.stdout + done.stderr


def story_no_mail_is_wider_than_a_phone_of_320_pixels():
    """M16: without pictures, without <style>, in forced dark, at 320 px; the longest words of Kazakh in a headline."""
    wanted = [page for page in pages() if not page.stem.startswith("digest-long-en")]
    done = subprocess.run(["node", ROOT / "tests/peers/screenshots/mails.mjs", os.environ.get("JARSHY_KEEP_SHOTS", tempfile.mkdtemp(prefix="jarshy-e2e-shots-")), *wanted],
                          capture_output=True, text=True, timeout=300,
                          env={**os.environ, "PEERS": str(PEERS / "node_modules"), "PHOTO": str(ROOT / "templates/demo/images/flood.jpg")})
    assert done.returncode == 0, done.stdout + done.stderr


def story_spamassassin_finds_nothing_in_what_we_write():
    folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-spam-"))
    for name, raw in mails().items():
        (folder / f"{name}.eml").write_bytes(raw)
    done = subprocess.run([sys.executable, ROOT / "tests/peers/mail/spam.py", *sorted(folder.glob("*.eml"))], capture_output=True,
                          text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
