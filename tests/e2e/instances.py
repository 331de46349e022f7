"""Two instances on one PostgreSQL: no double plan, no double delivery, equal feeds."""

import datetime
import hashlib
import os
import subprocess
import time
import uuid

from aiosmtpd.controller import Controller

from house import House, free_port, wait_for_port
from mail import Keeper, judge, publish

PEOPLE = 300


def database():
    server = os.environ["JARSHY_TEST_POSTGRES"]
    name = f"e2e_{uuid.uuid4().hex}"
    subprocess.run(["psql", "-q", server, "-c", f"CREATE DATABASE {name}"], check=True)
    return server.rsplit("/", 1)[0] + "/" + name


def story_two_instances_send_each_digest_once_at_its_minute():
    with House(database=database()) as house:
        house.run("migrate")
        almaty = datetime.timezone(datetime.timedelta(hours=5))
        # The real scheduler, at the real minute: the next but one, so that everybody is in before it comes.
        due = datetime.datetime.now(almaty).replace(second=0, microsecond=0) + datetime.timedelta(minutes=2)
        if due.date() != datetime.datetime.now(almaty).date():
            time.sleep(150)
            due = datetime.datetime.now(almaty).replace(second=0, microsecond=0) + datetime.timedelta(minutes=2)
        keeper = Keeper()
        server = Controller(keeper, hostname="127.0.0.1", port=house.mail_port)
        server.start()
        try:
            addresses = [f"reader{i}@example.kz" for i in range(PEOPLE)]
            house.run("subscriber", "add", *addresses, "--language", "ru,kk", "--zone", "Asia/Almaty",
                      "--hour", due.strftime("%H:%M"), "--consent", "agreed in a test")
            publish(house)
            second = free_port()
            instances = [house.serve(), house.serve("--listen", f"127.0.0.1:{second}", port=second)]
            for path in ("/kk/feed.rss", "/ru/feed.atom", "/feed.json"):
                answers = [house.get(path), house.get(f"http://127.0.0.1:{second}{path}")]
                assert answers[0][0] == 200 and answers[0][2] == answers[1][2], path
                assert answers[0][1]["ETag"] == answers[1][1]["ETag"] and answers[0][1]["Last-Modified"] == answers[1][1]["Last-Modified"]
            deadline = time.monotonic() + 240
            while len(keeper.kept) < PEOPLE and time.monotonic() < deadline:
                time.sleep(0.5)
            time.sleep(3)
            for instance in instances:
                house.stop(instance)
        finally:
            server.stop()
        got = sorted(to[0] for _, to, _ in keeper.kept)
        assert got == sorted(addresses), (len(got), len(set(got)))
        judge(keeper.kept[0][2])
        assert len({hashlib.sha256(raw).hexdigest() for _, _, raw in keeper.kept}) == PEOPLE
        sums = house.json("verify")
        assert sums["planned"] == sums["accepted"] == PEOPLE, sums
