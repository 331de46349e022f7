"""The loads of delivery.sh: plans deliveries as rows, lets `jarshy deliver` drain them, and compares it with smtp-source.

Rows are written as the planner writes them (one letter, one row a person), straight into the two tables, so that nothing of
the product exists for this measurement alone.
"""
import json
import os
import resource
import secrets
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

BIN, SINK, POSTGRES = os.environ["JARSHY_BIN"], os.environ["SINK"], os.environ["POSTGRES"]
MESSAGES = int(os.environ.get("MESSAGES", "20000"))
SIZES = [int(size) for size in os.environ.get("SIZES", "30 60").split()]
# One connection is kept for mail that a person waits for and idles here, so the settings have one more.
SESSIONS = 20
WORK = Path(sys.argv[1])

CONFIG = """
[server]
public_url = "https://news.example.kz"
[database]
url = "{url}"
[secrets]
hash_key = "{hash_key}"
link_keys = {{ 1 = "{link_key}" }}
[newsroom]
names = {{ kk = "Тау жаршысы" }}
languages = ["kk"]
time_zone = "Asia/Almaty"
[mail]
host = "127.0.0.1"
port = {port}
tls = "none"
ehlo_name = "mail.news.example.kz"
bounce_domain = "bounce.news.example.kz"
[delivery]
connections = {connections}
messages_per_connection = 1000
"""
STORY = "<p>Су тасқынына дайындық басталды: ауыл тұрғындарына нұсқау берілді, жолдар тазартылып, техника сақадай сай тұр.</p>\n"
PLACE = "__jarshy_unsubscribe______________________________________"


def figure(name, value):
    print(f"figure {name} {value:.2f}", flush=True)


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def plan(size_kb):
    """SQL that both engines read: a letter whose messages weigh about `size_kb`, and its deliveries."""
    link = f"https://news.example.kz/unsubscribe/{PLACE}"
    text = STORY * 12 + link
    # Base64 costs 78 octets for 57.
    wanted = size_kb * 1000 * 57 / 78 - len(text.encode()) - 900
    html = f'<html lang="kk"><body>{STORY * max(1, round(wanted / len(STORY.encode())))}<a href="{link}">Бас тарту</a></body></html>'
    headers = json.dumps([["List-Unsubscribe", f"<{link}>"], ["List-Unsubscribe-Post", "List-Unsubscribe=One-Click"]])
    sender = json.dumps(["Тау жаршысы", "digest@news.example.kz"], ensure_ascii=False)
    yield "INSERT INTO lane (id, relay, provider, concurrency) VALUES (1, 'main', 'other', 1000)"
    yield (
        "INSERT INTO letter (id, uid, kind, language, priority, sender, subject, html, text, headers, dated_at, key_id, format, "
        "created_at) VALUES (1, '0194f5b6-7c1e-7a3b-9a55-0123456789ab', 'issue', 'kk', 5, "
        f"{quoted(sender)}, 'Су тасқынына дайындық басталды', {quoted(html)}, {quoted(text)}, {quoted(headers)}, "
        "1772247600000, 1, 1, 0)"
    )
    for start in range(0, MESSAGES, 500):
        rows = ", ".join(
            f"(1, {n}, '0194f5b6-7c1e-4a3b-9a55-{n:012}', 'reader{n}@example.kz', '{n:064}', 1, 5, 'queued', 0, 0)"
            for n in range(start + 1, min(start + 500, MESSAGES) + 1)
        )
        yield (
            "INSERT INTO delivery (letter_id, recipient_id, recipient_uid, address, address_hash, lane_id, priority, state, "
            f"due_at, created_at) VALUES {rows}"
        )


def run(*command, check=True, **more):
    return subprocess.run([str(part) for part in command], check=check, **more)


def measured(*command):
    """Wall and CPU seconds of a command; the kernel's account of the child, as in /proc/PID/stat."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = run(*command, check=False, stdout=subprocess.PIPE, text=True)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stdout}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def limit(size_kb):
    wall, _, _ = measured(
        "smtp-source", "-d", "-s", SESSIONS, "-m", MESSAGES, "-l", size_kb * 1000,
        "-f", "digest@news.example.kz", "-t", "reader@example.kz", f"127.0.0.1:{SINK}",
    )
    return MESSAGES / wall


def ours(engine, size_kb):
    folder = WORK / f"{engine}-{size_kb}"
    folder.mkdir()
    database = f"jarshy_{size_kb}"
    url = "sqlite:jarshy.db"
    if engine == "postgres":
        run("psql", "-q", POSTGRES, "-c", f"CREATE DATABASE {database}")
        url = f"{POSTGRES.rsplit('/', 1)[0]}/{database}"
    config = folder / "jarshy.toml"
    config.write_text(CONFIG.format(
        url=url, hash_key=secrets.token_hex(32), link_key=secrets.token_hex(32), port=SINK, connections=SESSIONS + 1))
    run(BIN, "--config", config, "migrate", stdout=subprocess.DEVNULL)
    if engine == "sqlite":
        with sqlite3.connect(folder / "jarshy.db") as db:
            for statement in plan(size_kb):
                db.execute(statement)
        db.close()
    else:
        script = folder / "plan.sql"
        script.write_text("BEGIN;\n" + "".join(f"{statement};\n" for statement in plan(size_kb)) + "COMMIT;\nANALYZE;\n")
        run("psql", "-q", "-v", "ON_ERROR_STOP=1", url, "-f", script)
    wall, cpu, said = measured(BIN, "--config", config, "deliver", "--json")
    sums = json.loads(said)
    if sums["accepted"] != MESSAGES or sums["planned"] != MESSAGES:
        sys.exit(f"not everything was accepted: {sums}")
    run(BIN, "--config", config, "verify", "--json", stdout=subprocess.DEVNULL)
    return MESSAGES / wall, cpu / MESSAGES * 1e6


def main():
    for size_kb in SIZES:
        # The limit is measured before and after, so that a machine that warms up or is shared does not flatter anyone.
        first = limit(size_kb)
        found = {engine: ours(engine, size_kb) for engine in ("sqlite", "postgres")}
        best = max(first, limit(size_kb))
        figure(f"smtp_source_{size_kb}kb_messages_per_second", best)
        for engine, (rate, cpu) in found.items():
            figure(f"delivery_{engine}_{size_kb}kb_messages_per_second", rate)
            figure(f"delivery_{engine}_{size_kb}kb_ratio", rate / best)
            figure(f"delivery_{engine}_{size_kb}kb_cpu_microseconds_per_message", cpu)


main()
