"""Real relays and mailboxes behind them: what arrives verifies, what may not be trusted is told nothing.

dkimpy and rspamd judge both signatures on mails as they were received: by aiosmtpd, with and without SMTPUTF8, and in a Dovecot mailbox
behind Postfix. rspamd and SpamAssassin say what they think of them. Certificates are made by openssl.
"""

import datetime
import email
import email.policy
import http.client
import imaplib
import json
import logging
import os
import pwd
import re
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from house import ROOT, House, free_port, wait_for_port
from mail import Keeper, publish

sys.path.insert(0, str(ROOT / "tests/peers/smtp"))
sys.path.insert(0, str(ROOT / "tests/peers/mail"))
import spam  # noqa: E402
import verify_dkim  # noqa: E402

QUICK = "[delivery]\nlease_secs = 2\nrenew_secs = 1\nresend_wait_secs = 5\ndot_deadline_secs = 2\nconnections = 2\n"
DOMAIN = "news.example.kz"
SENDS_FROM = "203.0.113.25"


def sign(house):
    """Keys as an operator makes them, by the command and what it prints; returns what DNS would say."""
    said = house.run("dkim", "new", "--selector", "e2e")
    settings = "\n".join(line for line in said.splitlines() if re.match(r"\[\[dkim\]\]|(selector|domain|key_file) = ", line))
    path = house.folder / "jarshy.toml"
    path.write_text(path.read_text() + settings + "\n")
    shown = house.run("dkim", "show")
    records = {name: "".join(re.findall(r'"([^"]*)"', strings))
               for name, strings in re.findall(r"^(\S+)\. IN TXT (\(.*?\)|\".*?\")$", shown, re.M | re.S)}
    assert len(records) == 2 and all(value.startswith("v=DKIM1; k=") for value in records.values()), shown
    verify_dkim.RECORDS.clear()
    verify_dkim.RECORDS.update({name: value.encode() for name, value in records.items()})
    return records


def add_people(house, addresses):
    """Readers whose hour is the next minute but one, for verifiers know what time it is; returns that moment."""
    almaty = datetime.timezone(datetime.timedelta(hours=5))
    hour = datetime.datetime.now(almaty).replace(second=0, microsecond=0) + datetime.timedelta(minutes=2)
    for address in addresses:
        house.run("subscriber", "add", address, "--language", "kk,ru,en", "--zone", "Asia/Almaty", "--hour", f"{hour:%H:%M}", "--consent", "agreed in a test")
    return (hour + datetime.timedelta(seconds=5)).isoformat()


def judge(raw):
    message = email.message_from_bytes(raw, policy=email.policy.SMTP)
    assert message["List-Id"].startswith("Күн жаңалықтары <daily."), message["List-Id"]
    wrong = verify_dkim.judge(raw)
    assert not wrong, (wrong, raw.decode(errors="replace")[:3000])


# --- Postfix in front of Dovecot ---------------------------------------------------------------------------------------------


class Dovecot:
    """LMTP in, IMAP out; one folder per address, and a Sieve script for those who have one."""

    def __init__(self, folder):
        self.folder, self.lmtp, self.imap = folder, free_port(), free_port()
        for name in ("mail", "home", "run", "state"):
            (folder / name).mkdir(parents=True)
        for name in ("mail", "home"):
            shutil.chown(folder / name, "nobody", "nogroup")
        (folder / "dovecot.conf").write_text(f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
postmaster_address = postmaster@example.net
passdb {{
  driver = static
  args = password=open-sesame
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/home/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {self.imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {self.lmtp}
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
""")

    def drop_duplicates(self, address):
        home = self.folder / "home" / address
        home.mkdir()
        (home / ".dovecot.sieve").write_text('require ["duplicate"];\nif duplicate { discard; stop; }\n')
        for path in (home, home / ".dovecot.sieve"):
            shutil.chown(path, "nobody", "nogroup")

    def __enter__(self):
        self.process = subprocess.Popen(["dovecot", "-F", "-c", self.folder / "dovecot.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.lmtp)
        wait_for_port(self.imap)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20)

    def mailbox(self, address):
        imap = imaplib.IMAP4("127.0.0.1", self.imap)
        imap.login(address, "open-sesame")
        _, (count,) = imap.select("INBOX", readonly=True)
        mails = [imap.fetch(str(n), "(BODY.PEEK[])")[1][0][1] for n in range(1, int(count) + 1)]
        imap.logout()
        return mails


class Postfix:
    """A private instance that takes mail from this machine and hands all of it to one LMTP server."""

    def __init__(self, folder, lmtp):
        self.folder, self.port = folder, free_port()
        for name in ("conf", "queue", "data"):
            (folder / name).mkdir(parents=True)
        owner = pwd.getpwnam("postfix")
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        master = Path("/usr/share/postfix/master.cf.dist").read_text()
        lines = [f"127.0.0.1:{self.port} inet n - n - - smtpd"]
        for line in master.splitlines():
            words = line.split()
            if not line[:1].isspace() and not line.startswith("#") and len(words) >= 8 and words[1] in ("unix", "unix-dgram"):
                words[4] = "n"
                lines.append(" ".join(words))
        (folder / "conf/master.cf").write_text("\n".join(lines) + "\n")
        (folder / "conf/main.cf").write_text(f"""
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = /dev/stdout
myhostname = relay.example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_transport = error:nobody lives here
default_transport = lmtp:inet:127.0.0.1:{lmtp}
smtpd_relay_restrictions = permit_mynetworks, reject
disable_dns_lookups = yes
smtp_host_lookup = native
""")

    def __enter__(self):
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(["/usr/sbin/postfix", "-c", self.folder / "conf", "start-fg"], stdout=self.log, stderr=self.log)
        wait_for_port(self.port)
        return self

    def __exit__(self, *_):
        subprocess.run(["/usr/sbin/postfix", "-c", self.folder / "conf", "stop"], capture_output=True, timeout=60)
        self.process.wait(timeout=30)
        self.log.close()

    def said(self):
        return (self.folder / "log").read_text(errors="replace")


class DeafWire(socketserver.ThreadingTCPServer):
    """Carries conversations to a relay and cuts the first ones where the relay takes the message: the reply is lost on the way."""

    daemon_threads = allow_reuse_address = True

    def __init__(self, relay, cuts):
        super().__init__(("127.0.0.1", free_port()), Carry)
        self.relay, self.cuts, self.lock = relay, cuts, threading.Lock()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def cut(self):
        with self.lock:
            self.cuts -= 1
            return self.cuts >= 0


class Carry(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.relay)) as relay:
            relay.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.forward, args=(relay,), daemon=True).start()
            while reply := relay.recv(65536):
                if b"queued as" in reply and self.server.cut():
                    break
                self.request.sendall(reply)

    def forward(self, relay):
        try:
            while said := self.request.recv(65536):
                relay.sendall(said)
            relay.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def until(claim, what, seconds=30):
    for _ in range(seconds * 10):
        if claim():
            return
        time.sleep(0.1)
    raise AssertionError(what)


def story_postfix_and_dovecot_and_a_reply_that_is_lost():
    """T6, T15: after a lost reply each gets a second copy, equal in every byte that is ours; a mailbox with Sieve's duplicate keeps one."""
    keeps_one, keeps_all = "aigerim@example.kz", "boris@example.org"
    work = Path(tempfile.mkdtemp(prefix="jarshy-relays-"))
    work.chmod(0o755)
    with Dovecot(work / "dovecot") as dovecot, Postfix(work / "postfix", dovecot.lmtp) as postfix, House() as house:
        dovecot.drop_duplicates(keeps_one)
        wire = DeafWire(postfix.port, cuts=2)
        path = house.folder / "jarshy.toml"
        path.write_text(path.read_text().replace(f"port = {house.mail_port}", f"port = {wire.server_address[1]}")
                        .replace(f'public_url = "{house.base}"', f'public_url = "https://{DOMAIN}"') + QUICK)
        sign(house)
        at = add_people(house, [keeps_one, keeps_all])
        publish(house)
        house.run("digest", "plan", "--at", at)
        house.run("deliver", "--at", at)
        sums = house.json("verify")
        assert (sums["accepted"], sums["open"]) == (0, 2), sums
        later = (datetime.datetime.fromisoformat(at) + datetime.timedelta(minutes=1)).isoformat()
        house.run("deliver", "--at", later)
        sums = house.json("verify")
        assert (sums["planned"], sums["accepted"]) == (2, 2), sums
        wire.shutdown()
        wire.server_close()
        until(lambda: postfix.said().count("status=sent") == 4, postfix.said()[-3000:])
        assert "relay=127.0.0.1" in postfix.said()
        one, both = dovecot.mailbox(keeps_one), dovecot.mailbox(keeps_all)
        assert (len(one), len(both)) == (1, 2), (len(one), len(both))
        ours = []
        for raw in one + both:
            assert raw.startswith(b"Return-Path: <d"), raw[:200]
            judge(raw)
            # What Postfix and Dovecot put in front ends where our signatures begin.
            ours.append(raw[raw.index(b"DKIM-Signature: "):])
        assert ours[1] == ours[2] and ours[0] != ours[1]
        scores(work, one + both[:1])


# --- aiosmtpd ----------------------------------------------------------------------------------------------------------------


def story_signatures_hold_with_and_without_smtputf8():
    people = ["aigerim@example.kz", "dana@мысал.қаз", "ivan@пример.рф", "айгерім@мысал.қаз"]
    for takes_utf8 in (True, False):
        with House() as house:
            keeper = Keeper()
            server = Controller(keeper, hostname="127.0.0.1", port=house.mail_port, enable_SMTPUTF8=takes_utf8, decode_data=False)
            server.start()
            try:
                sign(house)
                at = add_people(house, people)
                publish(house)
                house.run("digest", "plan", "--at", at)
                house.run("deliver", "--at", at)
            finally:
                server.stop()
            expected = ["aigerim@example.kz", "dana@xn--80awbu3c.xn--80ao21a", "ivan@xn--e1afmkfd.xn--p1ai"]
            expected += ["айгерім@xn--80awbu3c.xn--80ao21a"] if takes_utf8 else []
            assert sorted(to[0] for _, to, _ in keeper.kept) == expected, [to for _, to, _ in keeper.kept]
            for _, _, raw in keeper.kept:
                judge(raw)
            sums = house.json("verify")
            assert (sums["accepted"], sums["failed"]) == (len(expected), 4 - len(expected)), sums


# --- certificates ------------------------------------------------------------------------------------------------------------


def openssl(folder, *args):
    subprocess.run(["openssl", *map(str, args)], cwd=folder, check=True, capture_output=True)


def certificates(folder):
    """`authority.pem`, and by name a server's context: good, for another name, expired, and made by itself."""
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 30, "-subj", "/CN=Tau test authority", "-keyout", "authority.key", "-out", "authority.pem")
    (folder / "index.txt").write_text("")
    (folder / "ca.cnf").write_text("[ca]\ndefault_ca = it\n[it]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha256\n"
                                   "policy = any\nunique_subject = no\ncopy_extensions = copy\n[any]\ncommonName = supplied\n")
    contexts = {}
    for kind, name, start, end in [
        ("good", "localhost", "20200101000000Z", "20400101000000Z"), ("wrong name", "relay.example.org", "20200101000000Z", "20400101000000Z"),
        ("expired", "localhost", "20200101000000Z", "20210101000000Z"), ("self-made", "localhost", None, None)]:
        stem = kind.replace(" ", "-")
        subject = ["-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", f"{stem}.key"]
        if start is None:
            openssl(folder, "req", "-x509", *subject, "-days", 30, "-out", f"{stem}.pem")
        else:
            openssl(folder, "req", *subject, "-out", f"{stem}.csr")
            openssl(folder, "ca", "-batch", "-config", "ca.cnf", "-cert", "authority.pem", "-keyfile", "authority.key", "-startdate", start,
                    "-enddate", end, "-in", f"{stem}.csr", "-out", f"{stem}.pem", "-notext")
        contexts[kind] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        contexts[kind].load_cert_chain(folder / f"{stem}.pem", folder / f"{stem}.key")
    return contexts


class Ears(logging.Handler):
    """What aiosmtpd writes into its own log: every line it reads."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.lines = []

    def emit(self, record):
        said = record.getMessage()
        if said.startswith("_handle_client readline"):
            self.lines.append(said)

    def __enter__(self):
        self.log = logging.getLogger("mail.log")
        self.before = self.log.level, self.log.propagate
        self.log.setLevel(logging.DEBUG)
        self.log.propagate = False
        self.log.addHandler(self)
        return self

    def __exit__(self, *_):
        self.log.removeHandler(self)
        self.log.setLevel(self.before[0])
        self.log.propagate = self.before[1]


def knock(port, is_tls):
    """Has the greeting said, whatever the certificate is."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as bare:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        (context.wrap_socket(bare) if is_tls else bare).recv(1024)


def story_a_relay_that_cannot_be_trusted_hears_no_password():
    """A wrong name, an expired certificate, a self-made one, and no STARTTLS at all: no byte of AUTH leaves, nobody's address either."""
    house = House(tls="required", mail_host="localhost", mail_more='username = "digest"\npassword = "open sesame"\nca_file = "authority.pem"')
    with house:
        contexts = certificates(house.folder)
        at = add_people(house, ["aigerim@example.kz"])
        publish(house)
        house.run("digest", "plan", "--at", at)
        tls = "required"
        warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
        cases = [(kind, way) for way in ("required", "implicit") for kind in ("wrong name", "expired", "self-made")]
        for kind, way in [*cases, ("stripped", "required"), ("good", "required")]:
            house.change(f'tls = "{tls}"', f'tls = "{way}"')
            tls = way
            keeper = Keeper()
            more = {"ssl_context": contexts[kind]} if way == "implicit" else {}
            if way == "required" and kind != "stripped":
                more = {"tls_context": contexts[kind], "require_starttls": True}
            with Ears() as ears:
                server = Controller(
                    keeper, hostname="127.0.0.1", port=house.mail_port, auth_required=True, auth_require_tls=kind != "stripped", decode_data=False,
                    authenticator=lambda s, session, envelope, mechanism, data: AuthResult(success=data.password == b"open sesame"), **more)
                # The controller's own call to see whether it is up would not know this certificate.
                server._trigger_server = lambda: knock(house.mail_port, way == "implicit")
                server.start()
                try:
                    said = house.run("deliver", "--at", at, expect=0 if kind == "good" else 1)
                finally:
                    server.stop()
            heard = "\n".join(ears.lines)
            if kind == "good":
                assert "AUTH" in heard and len(keeper.kept) == 1, heard
            else:
                assert not keeper.kept and "AUTH" not in heard, (kind, way, heard)
                assert "aigerim" not in heard and "open sesame" not in said, (kind, way, heard)
                assert ("STARTTLS" if kind == "stripped" else "certificate") in said, (kind, way, said)
        sums = house.json("verify")
        assert (sums["planned"], sums["accepted"]) == (1, 1), sums


# --- what filters say --------------------------------------------------------------------------------------------------------


class Names(socketserver.ThreadingUDPServer):
    """A name server that knows these TXT records, and one address for each host of ours (RFC 1035 section 4.1)."""

    daemon_threads = True

    def __init__(self, records):
        super().__init__(("127.0.0.1", 0), Answer)
        self.records = {name.lower().rstrip("."): value for name, value in records.items()}
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        query, reply_to = self.request
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace"))
            at += 1 + query[at]
        question = query[12:at + 5]
        kind, = struct.unpack(">H", query[at + 1:at + 3])
        name = ".".join(labels).lower()
        value = self.server.records.get(name) if kind == 16 else None
        is_host = kind == 1 and name in (DOMAIN, "mail." + DOMAIN, "bounce." + DOMAIN)
        is_known = any(known == name or known.endswith("." + name) for known in self.server.records)
        head = query[:2] + struct.pack(">HHHHH", 0x8580 if value or is_host or is_known else 0x8583, 1, 1 if value or is_host else 0, 0, 0)
        body = b""
        if value:
            strings = b"".join(bytes([len(part)]) + part for part in (value.encode()[i:i + 255] for i in range(0, len(value), 255)))
            body = b"\xc0\x0c" + struct.pack(">HHIH", 16, 1, 60, len(strings)) + strings
        if is_host:
            body = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(SENDS_FROM)
        reply_to.sendto(head + question + body, self.client_address)


class Rspamd:
    """Debian's rspamd with its own rules, asked over HTTP; it asks our name server and nobody else."""

    def __init__(self, folder, names):
        self.folder, self.port = folder, free_port()
        shutil.copytree("/etc/rspamd", folder / "conf")
        for name in ("db", "run", "log"):
            (folder / name).mkdir()
            shutil.chown(folder / name, "_rspamd", "_rspamd")
        local = folder / "conf/local.d"
        local.mkdir(exist_ok=True)
        for name, text in {
            "options.inc": f'dns {{ nameserver = ["127.0.0.1:{names}"]; timeout = 2s; retransmits = 1; }}\n',
            "logging.inc": 'type = "console";\nlevel = "warning";\n',
            "worker-normal.inc": f'bind_socket = "127.0.0.1:{self.port}";\ncount = 1;\n',
            "worker-controller.inc": f'bind_socket = "127.0.0.1:{free_port()}";\n',
            "worker-proxy.inc": "enabled = false;\n",
            "worker-fuzzy.inc": "enabled = false;\n",
            "rbl.conf": "enabled = false;\n", "surbl.conf": "enabled = false;\n", "fuzzy_check.conf": "enabled = false;\n",
            "asn.conf": "enabled = false;\n", "phishing.conf": "openphish_enabled = false;\nphishtank_enabled = false;\n",
        }.items():
            (local / name).write_text(text)

    def __enter__(self):
        self.log = open(self.folder / "out", "wb")
        variables = {"CONFDIR": "conf", "LOCAL_CONFDIR": "conf", "DBDIR": "db", "RUNDIR": "run", "LOGDIR": "log"}
        self.process = subprocess.Popen(
            ["rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", self.folder / "conf/rspamd.conf",
             *(f"--var={name}={self.folder / path}" for name, path in variables.items())], stdout=self.log, stderr=self.log)
        wait_for_port(self.port, 60)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()

    def check(self, raw, sender, to):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", "/checkv2", raw, {"From": sender, "Rcpt": to, "Ip": SENDS_FROM, "Helo": "mail." + DOMAIN, "Hostname": "mail." + DOMAIN})
        return json.loads(connection.getresponse().read())


def worst(points):
    """What counts against a mail, the heaviest first."""
    return ", ".join(f"{name} {score:.1f}" for name, score in sorted(points.items(), key=lambda item: -item[1]) if score > 0) or "nothing"


def scores(work, mails):
    """Writes down what SpamAssassin and rspamd say, and has rspamd verify both signatures with the records from DNS."""
    records = {name: value.decode() for name, value in verify_dkim.RECORDS.items()}
    records["_dmarc." + DOMAIN] = "v=DMARC1; p=reject; adkim=s"
    records["bounce." + DOMAIN] = f"v=spf1 ip4:{SENDS_FROM} -all"
    names = Names(records)
    with Rspamd(work / "rspamd", names.server_address[1]) as rspamd, tempfile.TemporaryDirectory(prefix="jarshy-spam-") as home:
        for number, raw in enumerate(mails):
            # As the relay got it: without what Postfix and Dovecot put in front.
            ours = raw[raw.index(b"DKIM-Signature: "):]
            sender = re.search(rb"^Return-Path: <(.*?)>", raw).group(1).decode()
            to = re.search(rb"\r\nTo: (\S+)", raw).group(1).decode()
            said = rspamd.check(ours, sender, to)
            symbols = said["symbols"]
            allowed = symbols.get("R_DKIM_ALLOW", {}).get("options", [])
            assert len(allowed) == 2 and "R_DKIM_REJECT" not in symbols and "DMARC_POLICY_ALLOW" in symbols, said
            assert "R_SPF_ALLOW" in symbols and "R_PARTS_DIFFER" not in symbols and said["action"] == "no action", said
            path = work / f"{number}.eml"
            path.write_bytes(raw)
            rules = spam.rules(path, home)
            against = {name: symbol["score"] for name, symbol in symbols.items()}
            print(f"      rspamd {said['score']:.2f} of {said['required_score']:.0f}: {worst(against)}; "
                  f"SpamAssassin {sum(points for points, _ in rules):.1f} of 5: {worst({name: points for points, name in rules})}")
            assert sum(points for points, _ in rules) < 3, rules
    names.shutdown()
    names.server_close()
