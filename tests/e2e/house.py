"""A newsroom of its own for one story: a folder with settings and secrets, the real binary, and what it says."""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = os.environ.get("JARSHY_BIN", str(ROOT / "target/release/jarshy"))
SHARED = Path(os.environ.get("JARSHY_SHARED", ROOT.parent / "shared/data"))

SETTINGS = """
[server]
public_url = "http://127.0.0.1:{port}"
listen = "127.0.0.1:{port}"
[database]
url = "{database}"
[secrets]
file = "secrets.toml"
[newsroom]
names = {{ kk = "Тау жаршысы", ru = "Тау жаршысы", en = "Tau Herald" }}
languages = ["kk", "ru", "en"]
time_zone = "Asia/Almaty"
[newsroom.operator]
names = {{ kk = "«Тау жаршысы» редакциясы", ru = "Редакция «Тау жаршысы»", en = "Tau Herald newsroom" }}
bin = "000140000000"
privacy = {{ kk = "https://www.example.kz/kk/privacy", ru = "https://www.example.kz/ru/privacy", en = "https://www.example.kz/en/privacy" }}
email = "office@news.example.kz"
[subscribe]
term = {{ kk = "жазылымнан бас тартқанға дейін", ru = "до отписки", en = "until you unsubscribe" }}
recipients = {{ kk = "хаттарды жеткізетін пошта қызметі", ru = "почтовая служба, которая доставляет письма", en = "the mail service that delivers the emails" }}
transfer = {{ kk = "жоқ", ru = "нет", en = "none" }}
location = {{ kk = "Қазақстан", ru = "Казахстан", en = "Kazakhstan" }}
[[section]]
slug = "society"
names = {{ kk = "Қоғам", ru = "Общество", en = "Society" }}
[[section]]
slug = "economy"
names = {{ kk = "Экономика", ru = "Экономика", en = "Economy" }}
[[newsletter]]
slug = "daily"
names = {{ kk = "Күн жаңалықтары", ru = "Новости дня", en = "News of the day" }}
sender = "digest@news.example.kz"
reply_to = "office@news.example.kz"
[mail]
host = "{mail_host}"
port = {mail_port}
tls = "{tls}"
ehlo_name = "mail.news.example.kz"
bounce_domain = "bounce.news.example.kz"
{mail_more}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, seconds=30):
    for _ in range(seconds * 20):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


class House:
    """`with House() as house:`; everything started is ended by its own process id."""

    def __init__(self, database="sqlite:jarshy.db", tls="none", mail_host="127.0.0.1", mail_port=None, mail_more=""):
        self.folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-"))
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.mail_port = mail_port or free_port()
        self.running = []
        (self.folder / "jarshy.toml").write_text(SETTINGS.format(
            port=self.port, database=database, tls=tls, mail_host=mail_host, mail_port=self.mail_port, mail_more=mail_more))
        (self.folder / "secrets.toml").write_text(
            f'hash_key = "{secrets.token_hex(32)}"\n[link_keys]\n1 = "{secrets.token_hex(32)}"\n')
        (self.folder / "secrets.toml").chmod(0o600)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            if process.poll() is None:
                process.kill()
                process.wait()

    def change(self, old, new):
        path = self.folder / "jarshy.toml"
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))

    def run(self, *args, expect=0, env=None, timeout=300):
        """Runs the program and returns what it printed; `expect` is its exit code."""
        done = subprocess.run([BIN, *map(str, args)], cwd=self.folder, capture_output=True, text=True, timeout=timeout,
                              env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
        assert done.returncode == expect, f"jarshy {args} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout if expect == 0 else done.stdout + done.stderr

    def json(self, *args):
        return json.loads(self.run(*args, "--json"))

    def serve(self, *args, port=None, env=None):
        log = open(self.folder / f"serve-{len(self.running)}.log", "wb")
        process = subprocess.Popen([BIN, "serve", *args], cwd=self.folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   env={**os.environ, **(env or {})})
        self.running.append(process)
        if "worker" not in args:
            wait_for_port(port or self.port)
        return process

    def serve_demo(self, port):
        """`jarshy demo` in a folder of its own: our own stories in three languages."""
        log = open(self.folder / "demo.log", "wb")
        process = subprocess.Popen([BIN, "demo", "--dir", self.folder / "demo", "--listen", f"127.0.0.1:{port}"], cwd=self.folder,
                                   stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.running.append(process)
        wait_for_port(port, 120)
        return process

    def stop(self, process, seconds=30):
        """SIGTERM: the service finishes and says goodbye with 0."""
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=seconds) == 0, f"serve ended with {process.returncode}"

    def get(self, path, method="GET", data=None, headers=None):
        """(status, headers, body); redirects are not followed."""
        url = path if path.startswith("http") else self.base + path
        request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)
        opener = urllib.request.build_opener(NoRedirect)
        try:
            with opener.open(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def article(self, name, language, title, body, *args):
        path = self.folder / f"{name}.md"
        path.write_text(f"---\ntitle: {title}\nlanguage: {language}\n---\n\n{body}\n")
        printed = self.run("article", "publish", path, *args)
        return re.search(r"story ([0-9a-f-]{36})", printed)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None
