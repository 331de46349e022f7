"""The loads of feeds.sh; see there."""
import gzip
import http.client
import os
import random
import re
import secrets
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

BIN = os.environ["JARSHY_BIN"]
PARTS = os.environ.get("PARTS", "speed away million distinct release").split()
SECONDS = int(os.environ.get("SECONDS_EACH", "4"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
CONNECTIONS = int(os.environ.get("CONNECTIONS", "32"))
WORK = Path(sys.argv[1])
TICK = os.sysconf("SC_CLK_TCK")
STARTED = []

# As behind a proxy on the same machine. The limit for those who hammer stands where no load reaches it, so it is at work and
# refuses nobody.
CLIENT = {"X-Forwarded-For": "203.0.113.7"}
CONFIG = """
[server]
public_url = "http://127.0.0.1:{port}"
listen = "127.0.0.1:{port}"
trusted_proxies = ["127.0.0.1/32"]
[database]
url = "{database}"
[secrets]
hash_key = "{hash_key}"
link_keys = {{ 1 = "{link_key}" }}
[newsroom]
names = {{ kk = "Тау жаршысы", ru = "Тау жаршысы", en = "Tau Herald" }}
languages = ["kk", "ru", "en"]
time_zone = "Asia/Almaty"
[feeds]
unconditional_per_hour = 1000000000
[fetch]
max_bytes = 1000000000
"""
NGINX = """
worker_processes auto;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
daemon off;
{user}
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; etag on;
  keepalive_requests 100000000;
  open_file_cache max=100; open_file_cache_valid 60s;
  client_body_temp_path {work}/t1; proxy_temp_path {work}/t2; fastcgi_temp_path {work}/t3; uwsgi_temp_path {work}/t4;
  scgi_temp_path {work}/t5;
  types {{ application/rss+xml rss; }}
  server {{
    listen 127.0.0.1:{port}; root {work}/files;
    location / {{ gzip_static on; add_header Cache-Control "public, max-age=300"; add_header X-Content-Type-Options nosniff; }}
  }}
}}
"""


def figure(name, value):
    print(f"figure {name} {value if isinstance(value, int) else round(value, 3)}", flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def start(command, folder, log):
    process = subprocess.Popen(command, cwd=folder, stdout=open(WORK / log, "ab"), stderr=subprocess.STDOUT)
    STARTED.append(process)
    return process


def stop(process):
    process.terminate()
    process.wait()
    STARTED.remove(process)


def ask(url, method="GET", **headers):
    """Status, headers and body."""
    request = urllib.request.Request(url, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def wait_for(url, seconds=30):
    for _ in range(seconds * 20):
        try:
            if ask(url)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"{url} does not answer:\n{(WORK / 'serve.log').read_text()[-3000:]}")


def processes(pid):
    """The process and its children."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid, *map(int, children)]


def cpu(pid):
    """Seconds of processor that a process and its children have used."""
    ticks = 0
    for one in processes(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def memory(pid, of="VmRSS"):
    """Bytes in memory, those included that are pages of the database's file."""
    return int(re.search(rf"{of}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024


class House:
    """A newsroom of its own, serving."""

    def __init__(self, name, database="sqlite:jarshy.db"):
        self.folder = WORK / name
        self.folder.mkdir()
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        (self.folder / "jarshy.toml").write_text(CONFIG.format(
            port=self.port, database=database, hash_key=secrets.token_hex(32), link_key=secrets.token_hex(32)))
        self.process = None

    def run(self, *arguments):
        done = subprocess.run([BIN, *arguments], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{arguments}: {done.stdout}{done.stderr}")

    def bring(self, stories):
        """Imports stories: (id, title, body, tags)."""
        feed = self.folder / "stories.xml"
        with open(feed, "w", encoding="utf-8") as out:
            out.write('<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Сынақ</title>'
                      '<link>https://www.example.org/</link><description>Сынақ</description>')
            for number, title, body, tags in stories:
                marks = "".join(f"<category>{tag}</category>" for tag in tags)
                out.write(f"<item><title>{title}</title><link>https://www.example.org/news/{number}</link>"
                          f'<guid isPermaLink="false">urn:example:load:{number}</guid>{marks}'
                          f"<pubDate>{number % 28 + 1:02d} Jan 2026 {number % 24:02d}:{number % 60:02d}:00 +0500</pubDate>"
                          f"<description><![CDATA[{body}]]></description></item>")
            out.write("</channel></rss>")
        self.run("import", "feed", "stories.xml", "--language", "kk")

    def publish(self, title, tags):
        (self.folder / "story.md").write_text(f"# {title}\n\nТолық мәтін осында тұр.\n", encoding="utf-8")
        marks = [part for tag in tags for part in ("--tag", tag)]
        self.run("article", "publish", "story.md", "--language", "kk", *marks)

    def serve(self):
        self.process = start([BIN, "serve"], self.folder, "serve.log")
        wait_for(self.base + "/kk/feed.rss")
        return self

    def numbers(self):
        """What /metrics counts, summed by name."""
        sums = {}
        for line in ask(self.base + "/metrics")[2].decode().splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0]
                sums[name] = sums.get(name, 0) + float(value)
        return sums


PLACES = ["Алмасай", "Көктерек", "Сарыбұлақ", "Тастөбе", "Ақжар"]
SUBJECTS = ["су тасқынына дайындық", "жол жөндеу", "жаңа мектеп", "көктемгі егіс", "кітапхана апталығы"]
SYLLABLES = ["ба", "қа", "сы", "ру", "те", "мі", "жол", "дар", "ның", "лық", "ке", "өз", "ұя", "шы", "ғал", "ор", "ын", "ет", "із", "ау"]


def alike(number, paragraphs=12):
    place, subject = PLACES[number % 5], SUBJECTS[number // 5 % 5]
    body = "".join(
        f"<p>{place} ауылында {subject} басталды. {k + 1}-кезең бойынша жауапты мамандар жұмыс кестесін бекітіп, тұрғындарға "
        f"қажетті кеңестер берді. Келесі жиналыс {(number + k) % 28 + 1} наурызда өтеді.</p>" for k in range(paragraphs))
    return f"{place}: {subject}, {number}-хабар", body


def varied(number, words=300):
    """A story whose words are all its own: it packs as badly as real news do, or worse."""
    dice = random.Random(number)
    text = " ".join("".join(dice.choices(SYLLABLES, k=dice.randint(2, 4))) for _ in range(words))
    return f"Өзгеше {number}", f"<p>{text}.</p>"


# ---- speed ----

def wrk(url, headers):
    out = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency",
         *[part for name, value in {**CLIENT, **headers}.items() for part in ("-H", f"{name}: {value}")], url],
        capture_output=True, text=True, check=True).stdout
    if "Socket errors" in out:
        raise SystemExit(out)
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    p99, of = re.search(r"99%\s+([\d.]+)(us|ms|s)", out).groups()
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    return {
        "requests": int(re.search(r"(\d+) requests in", out).group(1)),
        "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
        "p99": float(p99) * unit[of],
        "refused": int(refused.group(1)) if refused else 0,
    }


def load(pid, url, headers):
    before = cpu(pid)
    got = wrk(url, headers)
    got["cpu_us"] = (cpu(pid) - before) / got["requests"] * 1e6
    if got["refused"]:
        raise SystemExit(f"{got['refused']} answers to {url} were neither 2xx nor 3xx")
    return got


def median(rounds, key):
    return statistics.median(one[key] for one in rounds)


def speed():
    house = House("speed")
    house.bring(
        [(n, *alike(n), ["Alike"] + (["Some"] if n < 7 else [])) for n in range(50)]
        + [(n, *varied(n), ["Varied"]) for n in range(100, 150)])
    house.serve()
    files = WORK / "files"
    files.mkdir()
    bodies = {"alike": "/kk/tags/alike/feed.rss", "some": "/kk/tags/some/feed.rss", "varied": "/kk/tags/varied/feed.rss"}
    tags = {}
    for name, path in bodies.items():
        whole = ask(house.base + path)
        packed = ask(house.base + path, Accept_Encoding="gzip")[2]
        if whole[0] != 200 or gzip.decompress(packed) != whole[2]:
            raise SystemExit(f"{path}: {whole[0]}")
        (files / f"{name}.rss").write_bytes(whole[2])
        (files / f"{name}.rss.gz").write_bytes(packed)
        tags[name] = whole[1]["ETag"]
    for file in files.iterdir():
        file.chmod(0o644)
    port = free_port()
    (WORK / "nginx.conf").write_text(NGINX.format(work=WORK, port=port, user="user root;" if os.getuid() == 0 else ""))
    nginx = start(["nginx", "-c", str(WORK / "nginx.conf"), "-p", str(WORK)], WORK, "nginx.out")
    theirs = f"http://127.0.0.1:{port}"
    wait_for(f"{theirs}/alike.rss")
    loads = [
        ("304", "alike", {}, True),
        ("gzip_small", "alike", {"Accept-Encoding": "gzip"}, False),
        ("identity_30k", "some", {}, False),
        ("gzip_50k", "varied", {"Accept-Encoding": "gzip"}, False),
        ("identity_large", "alike", {}, False),
    ]
    for name, feed, headers, is_known in loads:
        ours_url, theirs_url = house.base + bodies[feed], f"{theirs}/{feed}.rss"
        ours_says, theirs_says = dict(headers), dict(headers)
        if is_known:
            ours_says["If-None-Match"] = tags[feed]
            theirs_says["If-None-Match"] = ask(theirs_url)[1]["ETag"]
        wanted = 304 if is_known else 200
        for url, says in ((ours_url, ours_says), (theirs_url, theirs_says)):
            status, _, body = ask(url, **{k.replace("-", "_"): v for k, v in says.items()})
            if status != wanted:
                raise SystemExit(f"{url} answered {status} instead of {wanted}")
        figure(f"feed_{name}_bytes", len(body))
        ours, nginxs = [], []
        for _ in range(ROUNDS):
            nginxs.append(load(nginx.pid, theirs_url, theirs_says))
            ours.append(load(house.process.pid, ours_url, ours_says))
        figure(f"feed_{name}_per_second", int(median(ours, "rate")))
        figure(f"feed_{name}_nginx_per_second", int(median(nginxs, "rate")))
        figure(f"feed_{name}_ratio", median(ours, "rate") / median(nginxs, "rate"))
        figure(f"feed_{name}_cpu_us", median(ours, "cpu_us"))
        figure(f"feed_{name}_cpu_ratio", median(ours, "cpu_us") / median(nginxs, "cpu_us"))
        figure(f"feed_{name}_p99_ms", median(ours, "p99"))
        figure(f"feed_{name}_p99_ratio", median(ours, "p99") / median(nginxs, "p99"))
    for coding in ("br", "zstd"):
        url = house.base + bodies["varied"]
        figure(f"feed_{coding}_50k_bytes", len(ask(url, Accept_Encoding=coding)[2]))
        figure(f"feed_{coding}_50k_per_second", int(load(house.process.pid, url, {"Accept-Encoding": coding})["rate"]))
    stop(nginx)
    stop(house.process)


# ---- the database away ----

def away():
    folder = WORK / "postgres"
    port = free_port()
    server = subprocess.run(["bash", "tests/postgres.sh", "start", str(folder), str(port)],
                            capture_output=True, text=True, check=True).stdout.strip()
    try:
        subprocess.run(["psql", "-q", server, "-c", "CREATE DATABASE away"], check=True)
        house = House("away", server.rsplit("/", 1)[0] + "/away")
        house.bring([(n, *alike(n), []) for n in range(60)])
        house.serve()
        url = house.base + "/kk/feed.rss"
        tag = ask(url)[1]["ETag"]
        ask(url, Accept_Encoding="gzip")
        there = load(house.process.pid, url, {"If-None-Match": tag})
        subprocess.run(["bash", "tests/postgres.sh", "stop", str(folder)], check=True)
        gone = [load(house.process.pid, url, says) for says in ({"If-None-Match": tag}, {"Accept-Encoding": "gzip"}, {})]
        figure("feed_away_polls", sum(one["requests"] for one in gone))
        figure("feed_away_refused", sum(one["refused"] for one in gone))
        figure("feed_away_304_ratio", gone[0]["rate"] / there["rate"])
        as_postgres = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        subprocess.run([*as_postgres, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w", "-l", str(folder / "log"), "start",
                        "-o", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"],
                       check=True, stdout=subprocess.DEVNULL)
        house.publish("Қайта қосылды", [])
        for waited in range(600):
            if ask(url, If_None_Match=tag)[0] == 200:
                figure("feed_away_moves_on", 1)
                break
            time.sleep(0.1)
        else:
            raise SystemExit("the feed did not move on after the database was back")
        stop(house.process)
    finally:
        subprocess.run(["bash", "tests/postgres.sh", "stop", str(folder)], check=False, stderr=subprocess.DEVNULL)


# ---- memory ----

def million():
    house = House("million")
    house.bring([(n, *alike(n), ["Alike"]) for n in range(60)])
    house.serve()
    url, pid = house.base + "/kk/feed.rss", house.process.pid
    tag = ask(url)[1]["ETag"]
    ways = [{"If-None-Match": tag}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "br"}, {"If-None-Match": '"other"', "A-IM": "feed"}]
    for says in ways:
        load(pid, url, says)
    before, asked = memory(pid), 0
    while asked < 1_000_000:
        for says in ways[:3] + ways:
            asked += load(pid, url, says)["requests"]
    figure("feed_million_requests", asked)
    figure("feed_million_rss_before_mb", before / 1e6)
    figure("feed_million_rss_after_mb", memory(pid) / 1e6)
    figure("feed_million_rss_growth_mb", (memory(pid) - before) / 1e6)
    stop(house.process)


def distinct():
    tags, languages, formats = 1112, ("kk", "ru", "en"), ("rss", "atom", "json")
    house = House("distinct")
    # Each tag stands on ten stories.
    dice = random.Random(1)
    names = [f"Tag{n}" for n in range(tags)]
    marks = [[] for _ in range(tags * 10 // 8)]
    for n in range(tags * 10):
        marks[n % len(marks)].append(names[n % tags])
    house.bring([(n, *alike(n, dice.randint(4, 12)), marks[n]) for n in range(len(marks))])
    house.serve()
    pid = house.process.pid
    figure("feed_distinct_rss_before_mb", memory(pid) / 1e6)
    figure("feed_distinct_rss_of_files_before_mb", memory(pid, "RssFile") / 1e6)
    paths = [f"/{language}/tags/tag{n}/feed.{form}" for language in languages for n in range(tags) for form in formats]
    dice.shuffle(paths)
    began, size, seen = time.monotonic(), 0, {}
    connection = http.client.HTTPConnection("127.0.0.1", house.port)
    for path in paths:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        size += len(body)
        seen[path] = answer.headers["ETag"]
    figure("feed_distinct_count", len(seen))
    figure("feed_distinct_gzip_bytes_each", size // len(seen))
    figure("feed_distinct_built_in_seconds", time.monotonic() - began)
    first = memory(pid)
    figure("feed_distinct_rss_mb", first / 1e6)
    figure("feed_distinct_rss_of_files_mb", memory(pid, "RssFile") / 1e6)
    figure("feed_distinct_bodies_mb", house.numbers()["jarshy_shelf_memory_bytes"] / 1e6)
    began = time.monotonic()
    for path in paths:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip", "If-None-Match": seen[path]})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 304:
            raise SystemExit(f"{path}: {answer.status}")
    figure("feed_distinct_304_in_seconds", time.monotonic() - began)
    figure("feed_distinct_rss_after_polls_mb", memory(pid) / 1e6)
    stop(house.process)


# ---- one release ----

def release():
    for articles in (10_000, 100_000):
        house = House(f"release{articles}")
        began = time.monotonic()
        house.bring([(n, *alike(n, 3), [f"Tag{n % 160}", f"Tag{n * 7 % 160}"]) for n in range(articles)])
        print(f"note {articles} articles imported in {time.monotonic() - began:.0f} s", file=sys.stderr)
        house.serve()
        folders = ["", "/kk", "/ru", "/en"] + [f"/kk/tags/tag{n}" for n in range(160)] + ["/ru/tags/tag0", "/ru/tags/tag1", "/en/tags/tag0"]
        feeds = [f"{folder}/feed.{form}" for folder in folders for form in ("rss", "atom", "json")]
        for path in feeds:
            if ask(house.base + path, Accept_Encoding="gzip")[0] != 200:
                raise SystemExit(path)
        figure(f"release_{articles}_feeds_read", len(feeds))
        url, seen = house.base + "/kk/feed.rss", []
        tag = ask(url)[1]["ETag"]
        before, used, times = house.numbers(), cpu(house.process.pid), 10
        for n in range(times):
            house.publish(f"Жаңа {n}", ["Tag1", "Tag2"])
            began = time.monotonic()
            while (answer := ask(url, If_None_Match=tag))[0] == 304:
                time.sleep(0.01)
            seen.append((time.monotonic() - began) * 1000)
            tag = answer[1]["ETag"]
            # What is built ahead beside the feed that is looked at.
            time.sleep(1.5)
        after = house.numbers()
        grown = lambda name: (after[name] - before.get(name, 0)) / times
        figure(f"release_{articles}_scopes_built", grown("jarshy_shelf_builds_total"))
        figure(f"release_{articles}_feeds_changed", grown("jarshy_shelf_changes_total"))
        figure(f"release_{articles}_build_ms", grown("jarshy_shelf_build_millis_total"))
        figure(f"release_{articles}_cpu_ms", (cpu(house.process.pid) - used) / times * 1000)
        figure(f"release_{articles}_seen_after_ms", statistics.median(seen))
        stop(house.process)


try:
    for part in PARTS:
        {"speed": speed, "away": away, "million": million, "distinct": distinct, "release": release}[part]()
finally:
    for process in STARTED:
        process.terminate()
        process.wait()
