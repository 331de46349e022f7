"""The load of digest.sh: a million people with wishes and hours, one morning, beside one bare INSERT … SELECT.

People are written as rows, as joining writes them; stories come in by `jarshy article publish`, and `jarshy digest plan` does the
rest. What each wish must get is worked out here from the list of stories, by DESIGN's rule: each story in the first language of
the list that it has.
"""
import datetime
import json
import os
import random
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time
import zoneinfo
from pathlib import Path

BIN = os.environ["JARSHY_BIN"]
COST = os.environ["MAIL_COST"]
PEOPLE, SMALL = int(os.environ["PEOPLE"]), int(os.environ["SMALL"])
ENGINES = os.environ["ENGINES"].split()
POSTGRES = os.environ.get("POSTGRES", "")
WORK = Path(sys.argv[1])

LANGUAGES = ["kk", "ru", "en"]
SECTIONS = ["society", "economy", "sport", "culture", "science", "health", "courts", "village", "weather", "abroad"]
ORDERS = [["kk"], ["ru"], ["kk", "ru"], ["ru", "kk"], ["en"], ["kk", "ru", "en"], ["en", "ru"], ["ru", "en"]]
# From far east to far west, so that the day's eight o'clocks lie within 24 hours.
ZONES = """Asia/Almaty Asia/Qyzylorda Asia/Oral Asia/Aqtobe Asia/Atyrau Asia/Tashkent Asia/Bishkek Asia/Omsk Asia/Novosibirsk
Asia/Ulaanbaatar Asia/Shanghai Asia/Urumqi Asia/Seoul Asia/Tokyo Asia/Vladivostok Australia/Sydney Asia/Kolkata Asia/Dubai Asia/Tehran
Asia/Baku Asia/Tbilisi Europe/Samara Europe/Moscow Europe/Istanbul Asia/Jerusalem Africa/Cairo Europe/Kyiv Europe/Athens
Europe/Warsaw Europe/Berlin Europe/Paris Europe/Madrid Europe/London Atlantic/Reykjavik America/Sao_Paulo America/New_York
America/Toronto America/Chicago America/Denver America/Los_Angeles""".split()
MINUTES = list(range(390, 590, 20))
PROVIDERS = ["gmail", "mailru", "yandex", "microsoft", "other"]
CHANCE = random.Random(20240301)

CONFIG = """
[server]
public_url = "https://news.example.kz"
[database]
url = "{url}"
[secrets]
hash_key = "{hash_key}"
link_keys = {{ 1 = "{link_key}" }}
[newsroom]
names = {{ kk = "Тау жаршысы", ru = "Тау жаршысы", en = "Tau herald" }}
languages = ["kk", "ru", "en"]
time_zone = "Asia/Almaty"
[mail]
host = "127.0.0.1"
port = 9
tls = "none"
ehlo_name = "mail.news.example.kz"
bounce_domain = "bounce.news.example.kz"
[[newsletter]]
slug = "daily"
names = {{ kk = "Күн жаңалықтары", ru = "Новости дня", en = "News of the day" }}
sender = "digest@news.example.kz"
late_until_hours = 48
"""
CONFIG += "".join(
    f'[[section]]\nslug = "{slug}"\nnames = {{{{ kk = "{slug}", ru = "{slug}", en = "{slug}" }}}}\n' for slug in SECTIONS)


def figure(name, value):
    print(f"figure {name} {value}", flush=True)


def run(*command, **more):
    return subprocess.run([str(part) for part in command], check=True, **more)


def measured(*command):
    """Wall seconds, CPU seconds, peak memory in bytes and output of a command: the kernel's account of the child."""
    out = WORK / "said"
    started = time.monotonic()
    with out.open("wb") as said:
        child = subprocess.Popen([str(part) for part in command], stdout=said)
        _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    text = out.read_text()
    if status:
        sys.exit(f"{command} failed: {text[-2000:]}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, text


def draw_stories():
    """Sections and languages of 60 stories; each section has some in every language."""
    stories = []
    for number in range(60):
        section = SECTIONS[number % len(SECTIONS)]
        languages = [LANGUAGES[number // len(SECTIONS) % 3]]
        languages += [tag for tag in LANGUAGES if tag not in languages and CHANCE.random() < 0.4]
        stories.append((section, languages))
    return stories


def draw_wishes():
    """A thousand selections, the first ones in demand, and two thousand slots, likewise."""
    keys = {}
    while len(keys) < 1000:
        order = CHANCE.choice(ORDERS)
        count = CHANCE.choice([0, 1, 2, 3, 4, 5, 6, 7])
        sections = sorted(CHANCE.sample(SECTIONS, count))
        keys[f"{','.join(order)}~{','.join(sections)}~"] = (order, sections)
    slots = [
        (cadence, zone, minute)
        for cadence in ("daily", "weekdays", "weekly", "days:1,2,3,4", "days:2,3,4,5,6")
        for zone in ZONES
        for minute in MINUTES
    ]
    return list(keys.items()), slots


STORIES = draw_stories()
SELECTIONS, SLOTS = draw_wishes()
# The next day that every cadence has, after the machine's clock, which dates the stories: they are a few days old then, not forgotten.
TODAY = datetime.datetime.now(datetime.timezone.utc).date()
DATE = next(day for day in (TODAY + datetime.timedelta(days=ahead) for ahead in range(1, 8)) if day.isoweekday() in (2, 3, 4))


def expected():
    """The content of each selection: first language, and which text of which story."""
    contents = {}
    for number, (_, (order, sections)) in enumerate(SELECTIONS, 1):
        items = []
        for story, (section, languages) in enumerate(STORIES):
            text = next((tag for tag in order if tag in languages), None)
            if text and (not sections or section in sections):
                items.append((story, text))
        if items:
            contents[number] = (order[0], tuple(items))
    return contents


CONTENTS = expected()


def due(zone, minute):
    wall = datetime.datetime.combine(DATE, datetime.time(minute // 60, minute % 60), zoneinfo.ZoneInfo(zone))
    return round(wall.timestamp() * 1000)


def people(count):
    """One row a person: selection, slot, provider and text only, the first ones of each list in most demand."""
    def skewed(length):
        return min(int(CHANCE.paretovariate(0.6)) - 1, CHANCE.randrange(length))

    for number in range(1, count + 1):
        slot = number if number <= len(SLOTS) else skewed(len(SLOTS)) + 1
        selection = number if number <= len(SELECTIONS) else skewed(len(SELECTIONS)) + 1
        yield number, selection, slot, CHANCE.choice(PROVIDERS), CHANCE.random() < 0.03


def uid(number, kind):
    return f"{CHANCE.getrandbits(32):08x}-{kind:04x}-4a3b-9a55-{number:012x}"


def rows(count, head):
    """Rows of selection, slot, subscriber and subscription."""
    cadences = {"weekly": f"weekly:{DATE.isoweekday()}"}
    selections = [
        (n, uid(n, 1), 1, ",".join(order), json.dumps({"sections": sections, "tags": []}) if sections else None, key)
        for n, (key, (order, sections)) in enumerate(SELECTIONS, 1)
    ]
    slots = [
        (n, 1, cadences.get(cadence, cadence), zone, minute, DATE.isoformat(), due(zone, minute))
        for n, (cadence, zone, minute) in enumerate(SLOTS, 1)
    ]

    def subscribers():
        for n, selection, slot, provider, _ in list_of_people:
            address = f"reader{n}@{provider}.example"
            yield (n, uid(n, 2), address, address, f"{CHANCE.getrandbits(256):064x}", provider,
                   SELECTIONS[selection - 1][0].split("~")[0], SLOTS[slot - 1][1], "active", 0, 1, 1)

    def subscriptions():
        for n, selection, slot, _, text_only in list_of_people:
            yield (n, uid(n, 3), n, 1, selection, slot, "active", int(text_only), head, "", 1, 1)

    list_of_people = list(people(count))
    served = sum(selection in CONTENTS for _, selection, *_ in list_of_people)
    used = {CONTENTS[selection] for _, selection, *_ in list_of_people if selection in CONTENTS}
    tables = {
        "selection (id, uid, newsletter_id, languages, topics, key)": selections,
        "slot (id, newsletter_id, cadence, time_zone, minute, next_date, next_due_at)": slots,
        "subscriber (id, uid, address, address_key, address_hash, provider, languages, time_zone, state, link_epoch, created_at, "
        "confirmed_at)": subscribers(),
        "subscription (id, uid, subscriber_id, newsletter_id, selection_id, slot_id, state, text_only, read_to, last_date, "
        "created_at, confirmed_at)": subscriptions(),
    }
    return tables, served, len(used)


# Another run of the same morning: letters, lanes and a run as the planner has them, and then all rows at once.
READY = [
    "INSERT INTO lane (relay, provider, concurrency) SELECT DISTINCT 'bare', provider, 1000 FROM subscriber",
    "INSERT INTO letter (id, uid, kind, language, priority, sender, subject, html, text, headers, dated_at, key_id, format, created_at) "
    "SELECT id, uid, 'issue', 'kk', 5, '[]', 's', 'h', 't', '[]', 0, 1, 1, 0 FROM selection",
]
BARE = (
    "INSERT INTO delivery (letter_id, batch, recipient_id, recipient_uid, recipient_epoch, address, address_hash, lane_id, priority, "
    "text_only, state, class, due_at, expires_at, created_at, finished_at) "
    "SELECT s.selection_id, s.slot_id, s.subscriber_id, s.uid, p.link_epoch, p.address, p.address_hash, l.id, 5, s.text_only, 'queued', "
    "NULL, t.next_due_at, t.next_due_at + 86400000, t.next_due_at, NULL FROM subscription s JOIN subscriber p ON p.id = s.subscriber_id "
    "JOIN slot t ON t.id = s.slot_id JOIN lane l ON l.relay = 'bare' AND l.provider = p.provider WHERE s.state = 'active'"
)


class Sqlite:
    name = "sqlite"

    def __init__(self, folder):
        self.path = folder / "jarshy.db"
        self.url = "sqlite:jarshy.db"

    def open(self, path):
        """As the service opens it."""
        db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON",
                       "cache_size = -65536", "temp_store = memory", "mmap_size = 0"):
            db.execute(f"PRAGMA {pragma}")
        return db

    def ask(self, sql):
        db = self.open(self.path)
        answer = db.execute(sql).fetchall()
        db.close()
        return answer

    def fill(self, tables):
        db = self.open(self.path)
        db.execute("PRAGMA synchronous = OFF")
        for table, many in tables.items():
            db.execute("BEGIN")
            places = ", ".join("?" * (table.count(",") + 1))
            db.executemany(f"INSERT INTO {table} VALUES ({places})", many)
            db.execute("COMMIT")
        db.execute("ANALYZE")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()

    def settle(self):
        os.sync()

    def bare(self):
        copy = self.path.with_name("bare.db")
        shutil.copyfile(self.path, copy)
        db = self.open(copy)
        for statement in READY:
            db.execute(statement)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.settle()
        started = time.monotonic()
        db.execute(BARE)
        wall = time.monotonic() - started
        count = db.execute("SELECT COUNT(*) FROM delivery").fetchone()[0]
        db.close()
        for file in copy.parent.glob("bare.db*"):
            file.unlink()
        return wall, count

    def drop(self):
        for file in self.path.parent.glob("jarshy.db*"):
            file.unlink()


class Postgres:
    name = "postgres"

    def __init__(self, folder):
        self.database = f"load_{folder.name.replace('-', '_')}"
        self.server = POSTGRES.rsplit("/", 1)[0]
        self.url = f"{self.server}/{self.database}"
        self.folder = folder
        self.psql(POSTGRES, f"CREATE DATABASE {self.database}")

    @staticmethod
    def psql(url, *statements):
        commands = [part for statement in statements for part in ("-c", statement)]
        return run("psql", "-qAt", "-v", "ON_ERROR_STOP=1", url, *commands, stdout=subprocess.PIPE, text=True).stdout

    def ask(self, sql):
        return [tuple(int(field) for field in line.split("|")) for line in self.psql(self.url, sql).splitlines()]

    def fill(self, tables):
        for table, many in tables.items():
            file = self.folder / "rows"
            with file.open("w") as out:
                for row in many:
                    # The booleans of PostgreSQL read 0 and 1.
                    out.write("\t".join("\\N" if value is None else str(value) for value in row) + "\n")
            self.psql(self.url, f"\\copy {table} FROM '{file}'")
            file.unlink()
            name = table.split()[0]
            self.psql(self.url, f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT MAX(id) FROM {name}))")
        self.psql(self.url, "VACUUM ANALYZE")

    def settle(self):
        self.psql(self.url, "CHECKPOINT")

    def bare(self):
        copy = f"{self.database}_bare"
        url = f"{self.server}/{copy}"
        self.psql(POSTGRES, f"CREATE DATABASE {copy} TEMPLATE {self.database}")
        self.psql(url, *READY)
        self.psql(url, "VACUUM ANALYZE", "CHECKPOINT")
        started = time.monotonic()
        self.psql(url, BARE)
        wall = time.monotonic() - started
        count = int(self.psql(url, "SELECT COUNT(*) FROM delivery"))
        self.psql(POSTGRES, f"DROP DATABASE {copy}")
        return wall, count

    def drop(self):
        self.psql(POSTGRES, f"DROP DATABASE {self.database}")


def publish(config):
    folder = WORK / "stories"
    folder.mkdir(exist_ok=True)
    for number, (section, languages) in enumerate(STORIES):
        story = []
        for tag in languages:
            file = folder / f"{number}-{tag}.md"
            file.write_text(
                f"---\ntitle: {tag} {number}: Су тасқынына дайындық басталды\nlanguage: {tag}\nsection: {section}\n---\n\n"
                + "Ауыл тұрғындарына нұсқау берілді, жолдар тазартылып, техника сақадай сай тұр. " * 6 + "\n"
            )
            said = run(BIN, "--config", config, "article", "publish", file, "--json", *story, stdout=subprocess.PIPE, text=True).stdout
            story = ["--story", json.loads(said)["story"]]


def morning(engine, count):
    """Plans one morning; wall seconds of it and of the bare statement, and peak memory."""
    folder = WORK / f"{engine.name}-{count}"
    folder.mkdir()
    database = engine(folder)
    config = folder / "jarshy.toml"
    config.write_text(CONFIG.format(url=database.url, hash_key=secrets.token_hex(32), link_key=secrets.token_hex(32)))
    run(BIN, "--config", config, "migrate", stdout=subprocess.DEVNULL)
    # The newsletter's row comes with the first command that needs it.
    at = datetime.datetime.fromtimestamp(max(due(zone, minute) for _, zone, minute in SLOTS) / 1000 + 1, datetime.timezone.utc)
    plan = (BIN, "--config", config, "--at", at.isoformat().replace("+00:00", "Z"), "digest", "plan", "--json")
    measured(*plan)
    [(newsletter,)] = database.ask("SELECT id FROM newsletter")
    assert newsletter == 1, newsletter
    publish(config)
    tables, served, distinct = rows(count, 0)
    started = time.monotonic()
    database.fill(tables)
    print(f"# {engine.name}: {count} people stored in {time.monotonic() - started:.0f} s", flush=True)
    bare, bare_rows = database.bare()
    database.settle()
    wall, cpu, memory, said = measured(*plan)
    reports = json.loads(said)
    [(deliveries, issues, recipients)] = database.ask(
        "SELECT (SELECT COUNT(*) FROM delivery), (SELECT COUNT(*) FROM issue), (SELECT COUNT(DISTINCT recipient_id) FROM delivery)")
    if len(reports) != len(SLOTS) or any(report["state"] != "done" for report in reports):
        sys.exit(f"{len(reports)} runs instead of {len(SLOTS)}")
    if (deliveries, recipients) != (served, served) or sum(report["mailed"] for report in reports) != served:
        sys.exit(f"{deliveries} deliveries to {recipients} people, {served} were to get one")
    if issues != distinct:
        sys.exit(f"{issues} issues for {distinct} distinct contents")
    wrong = database.ask(
        "SELECT COUNT(*) FROM subscription s WHERE s.read_to < (SELECT MAX(no) FROM release_log) OR NOT EXISTS "
        f"(SELECT 1 FROM delivery d WHERE d.recipient_id = s.subscriber_id) AND s.last_date = '{DATE}'")
    if wrong != [(0,)]:
        sys.exit(f"{wrong} people did not move on")
    run(BIN, "--config", config, "verify", "--json", stdout=subprocess.DEVNULL)
    digest = WORK / "digest"
    if not digest.exists():
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        run(BIN, "--config", config, "--at", soon.strftime("%Y-%m-%dT%H:%M:%SZ"), "digest", "preview", "--languages", "kk,ru",
            "--out", digest, stdout=subprocess.DEVNULL)
    database.drop()
    print(f"# {engine.name}: {served} of {count} people in {len(SLOTS)} slots, {issues} issues: planned in {wall:.1f} s ({cpu:.1f} s CPU), "
          f"bare {bare_rows} rows in {bare:.1f} s", flush=True)
    return wall / deliveries, bare / bare_rows, memory, issues


def mail_cost():
    """Microseconds for one person's mail and for one RSA-2048 signature, one after the other on the same core."""
    core = ("taskset", "-c", "0")
    _, _, _, said = measured(*core, COST, WORK / "digest" / "digest.html", WORK / "digest" / "digest.txt")
    mail, size = float(said.split()[0]), int(said.split()[1])
    _, _, _, said = measured(*core, "openssl", "speed", "-seconds", "3", "rsa2048")
    line = next(line for line in said.splitlines() if line.startswith("rsa 2048"))
    signature = float(line.split()[3].rstrip("s")) * 1e6
    figure("mail_bytes", size)
    figure("mail_microseconds", f"{mail:.0f}")
    figure("rsa_2048_signature_microseconds", f"{signature:.0f}")
    figure("mail_of_a_signature", f"{mail / signature:.2f}")


def main():
    for engine in (Sqlite, Postgres):
        if engine.name not in ENGINES:
            continue
        _, _, little, _ = morning(engine, SMALL) if SMALL else (0, 0, 0, 0)
        wall, bare, memory, issues = morning(engine, PEOPLE)
        figure(f"{engine.name}_fanout_ratio", f"{wall / bare:.2f}")
        figure(f"{engine.name}_fanout_rows_per_second", round(1 / wall))
        figure(f"{engine.name}_bare_rows_per_second", round(1 / bare))
        figure(f"{engine.name}_fanout_issues", issues)
        figure(f"{engine.name}_fanout_memory_mb", f"{memory / 1e6:.0f}")
        if SMALL:
            figure(f"{engine.name}_fanout_memory_of_{SMALL}_mb", f"{little / 1e6:.0f}")
    if Path(COST).exists():
        mail_cost()


main()
