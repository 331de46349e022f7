"""Real feeds in, our feeds out, judged by others; the same after a restart."""

import json
import subprocess
import sys

from house import ROOT, SHARED, House

JUDGE = ROOT / "tests/peers/feeds/judge.py"
FILES = sorted((SHARED / "feeds").iterdir()) if SHARED.is_dir() else []


def judge(house, *args):
    done = subprocess.run([sys.executable, JUDGE, house.base, *args], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def story_ten_real_feeds_come_in_and_every_feed_of_ours_holds():
    assert len(FILES) == 10, f"the real feeds are not at {SHARED}"
    with House() as house:
        first = house.json("import", "feed", *FILES)
        assert sum(source["new"] for source in first["sources"]) == 275, first
        again = house.json("import", "feed", *FILES)
        assert sum(source["new"] + source["changed"] for source in again["sources"]) == 0, again
        kk = house.article("flood-kk", "kk", "Су тасқынына дайындық басталды", "Өңірде су тасқынына дайындық басталды.\n\nЖағалау бекітілді.")
        story = kk.group(1)
        house.article("flood-ru", "ru", "Подготовка к паводку началась", "В регионе началась подготовка к паводку.", "--story", story)
        house.article("flood-en", "en", "Flood preparations have begun", "Preparations for the flood have begun.", "--story", story)
        etags = house.folder / "etags.json"
        service = house.serve()
        print(judge(house, "--etags", str(etags)).strip().splitlines()[-1], flush=True)
        assert len(json.loads(etags.read_text())) >= 20
        house.stop(service)
        service = house.serve()
        judge(house, "--same-etags", str(etags))
        # A language outside the newsroom's list keeps its tag, pages and feeds.
        status, _, body = house.get("/sk/")
        assert status == 200 and b'lang="sk"' in body
        status, headers, _ = house.get("/sk/feed.atom")
        assert status == 200 and headers["Content-Type"].startswith("application/atom+xml")
        house.stop(service)


def story_bad_feeds_change_nothing():
    with House() as house:
        good = (SHARED / "feeds/qemu.atom").read_bytes()
        bad = {
            "plain.txt": b"This is not a feed at all.",
            "page.html": b"<!doctype html><html><body><p>Hello</p></body></html>",
            "short.xml": good[: len(good) // 2],
            "empty.xml": b"",
            "lies.xml": "<?xml version=\"1.0\" encoding=\"utf-8\"?><rss version=\"2.0\"><channel><title>Ложь</title>"
                        "<item><title>Паводок</title></item></channel></rss>".encode("windows-1251"),
        }
        for name, data in bad.items():
            (house.folder / name).write_bytes(data)
            said = house.run("import", "feed", name, expect=1)
            assert name in said, said
        assert house.json("article", "list") in ([], {"articles": []})
