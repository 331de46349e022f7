"""A subscriber we did not write (flask-websub) against the real hub, over TLS on both ways."""

import logging
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

import feedparser
import flask
from flask_websub.subscriber import SQLite3SubscriberStorage, SQLite3TempSubscriberStorage, Subscriber, discover
from werkzeug.serving import make_server

from house import House, free_port

logging.getLogger("werkzeug").setLevel(logging.ERROR)


def certificates(folder):
    """A CA of our own and a certificate for 127.0.0.1: (CA, certificate, key)."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=CA of a test",
            "-keyout", "ca.key", "-out", "ca.pem", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=127.0.0.1",
            "-keyout", "site.key", "-out", "site.csr")
    (folder / "site.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "site.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2", "-extfile", "site.ext", "-out", "site.pem")
    return folder / "ca.pem", folder / "site.pem", folder / "site.key"


class TlsFront:
    """What a reverse proxy is to the service: takes TLS off and passes the bytes on."""

    def __init__(self, port, behind, certificate, key):
        self.behind = behind
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as outside, \
                    socket.create_connection(("127.0.0.1", self.behind)) as inside:
                back = threading.Thread(target=self.copy, args=(inside, outside), daemon=True)
                back.start()
                self.copy(outside, inside)
                back.join()
        except OSError:
            pass

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class Reader:
    """An application with flask-websub in it; what it hears is kept in lists."""

    def __init__(self, folder, certificate, key):
        self.port = free_port()
        self.app = flask.Flask("reader")
        self.app.config["SERVER_NAME"] = f"127.0.0.1:{self.port}"
        self.app.config["PREFERRED_URL_SCHEME"] = "https"
        self.subscriber = Subscriber(SQLite3SubscriberStorage(str(folder / "reader.db")),
                                     SQLite3TempSubscriberStorage(str(folder / "reader-temp.db")))
        self.heard, self.confirmed, self.refused, self.signatures = [], [], [], []
        self.subscriber.add_listener(lambda topic, callback, body: self.heard.append((topic, body, dict(flask.request.headers))))
        self.subscriber.add_success_handler(lambda topic, callback, mode: self.confirmed.append((topic, mode)))
        self.subscriber.add_error_handler(lambda topic, callback, reason: self.refused.append((topic, reason)))
        self.app.register_blueprint(self.subscriber.build_blueprint(url_prefix="/callbacks"))
        self.app.before_request(lambda: self.signatures.append(flask.request.headers.get("X-Hub-Signature")))
        self.server = make_server("127.0.0.1", self.port, self.app, threaded=True, ssl_context=(str(certificate), str(key)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


def until(what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come in time")


def titles(body):
    parsed = feedparser.parse(body)
    assert not parsed.bozo, parsed.get("bozo_exception")
    return [entry.title for entry in parsed.entries]


def story_a_reader_discovers_subscribes_is_pushed_to_and_leaves():
    with House() as house:
        ca, certificate, key = certificates(house.folder)
        front_port = free_port()
        house.change(f'public_url = "{house.base}"', f'public_url = "https://127.0.0.1:{front_port}"')
        house.change("[database]", '[websub]\nallow_networks = ["127.0.0.1/32"]\nlease_min_secs = 60\n[database]')
        house.article("first", "kk", "Су тасқынына дайындық басталды", "Өңірде су тасқынына дайындық басталды.")
        service = house.serve(env={"SSL_CERT_FILE": str(ca)})
        front = TlsFront(front_port, house.port, certificate, key)
        os.environ["REQUESTS_CA_BUNDLE"] = str(ca)
        reader = Reader(house.folder, certificate, key)
        base = f"https://127.0.0.1:{front_port}"
        try:
            for path in ("/kk/feed.rss", "/kk/feed.atom"):
                found = discover(base + path)
                assert found == {"hub_url": f"{base}/websub", "topic_url": base + path}, found
                # The body says the same as the headers: discovery without them.
                status, headers, body = house.get(path)
                parsed = feedparser.parse(body)
                links = {link.rel: link.href for link in parsed.feed.links}
                assert status == 200 and links["hub"] == found["hub_url"] and links["self"] == found["topic_url"], links
            topic = discover(base + "/kk/feed.atom")
            with reader.app.app_context():
                callback = reader.subscriber.subscribe(**topic, lease_seconds=3600)
            until(lambda: reader.confirmed)
            assert reader.confirmed == [(topic["topic_url"], "subscribe")]
            kept = reader.subscriber.storage[callback]
            assert kept["lease_seconds"] == 3600 and kept["secret"], kept

            house.article("second", "kk", "Жаңа мектеп ашылды", "Ауылда жаңа мектеп ашылды.")
            until(lambda: len(reader.heard) == 1)
            name, body, headers = reader.heard[0]
            assert name == topic["topic_url"] and reader.signatures[-1].startswith("sha256="), reader.signatures
            assert headers["Content-Type"] == "application/atom+xml; charset=utf-8", headers
            assert f'<{base}/websub>; rel="hub"' in headers["Link"] and f'<{topic["topic_url"]}>; rel="self"' in headers["Link"], headers
            assert "Жаңа мектеп ашылды" in titles(body)
            assert body == house.get("/kk/feed.atom")[2]

            listed = house.json("article", "list")
            listed = listed["articles"] if isinstance(listed, dict) else listed
            uid = next(article["uid"] for article in listed if article["title"] == "Жаңа мектеп ашылды")
            house.run("article", "withdraw", uid)
            until(lambda: len(reader.heard) == 2)
            assert titles(reader.heard[1][1]) == ["Су тасқынына дайындық басталды"]

            with reader.app.app_context():
                reader.subscriber.renew(callback)
            until(lambda: len(reader.confirmed) == 2)
            # The subscription is there after a restart.
            house.stop(service)
            service = house.serve(env={"SSL_CERT_FILE": str(ca)})
            house.article("third", "kk", "Көпір жөнделді", "Өзен үстіндегі көпір жөнделді.")
            until(lambda: len(reader.heard) == 3)

            with reader.app.app_context():
                reader.subscriber.unsubscribe(callback)
            until(lambda: len(reader.confirmed) == 3)
            assert reader.confirmed[2] == (topic["topic_url"], "unsubscribe")
            # Another reader shows when the next push has been made.
            with reader.app.app_context():
                reader.subscriber.subscribe(**discover(base + "/kk/feed.rss"))
            until(lambda: len(reader.confirmed) == 4)
            house.article("fourth", "kk", "Кітапхана ашылды", "Қалада кітапхана ашылды.")
            until(lambda: len(reader.heard) == 4)
            assert reader.heard[3][0] == base + "/kk/feed.rss"
            time.sleep(1)
            assert len(reader.heard) == 4 and not reader.refused
        finally:
            os.environ.pop("REQUESTS_CA_BUNDLE", None)
            reader.close()
            front.close()
        house.stop(service)
        shutil.rmtree(house.folder, ignore_errors=True)
