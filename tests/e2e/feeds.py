"""Real feeds in, our feeds out, judged by others; the same after a restart."""

import json
import subprocess
import sys

from house import ROOT, SHARED, House, free_port

JUDGE = ROOT / "tests/peers/feeds/judge.py"
sys.path.insert(0, str(JUDGE.parent))
import hostile  # noqa: E402
FILES = sorted((SHARED / "feeds").iterdir()) if SHARED.is_dir() else []


def judge(base, *args):
    done = subprocess.run([sys.executable, JUDGE, base, *args], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if not line.startswith("ok ")) + done.stderr[-2000:]
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
        # A correction, and a withdrawal from among the imported ones: both touch closed pages.
        imported = [a for a in house.json("article", "list", "--limit", "1000") if a["title"].strip()]
        house.run("article", "withdraw", imported[-5]["uid"], "--reason", "Деректер <қате> & ескі")
        house.run("article", "withdraw", imported[20]["uid"])
        etags = house.folder / "etags.json"
        # Dates have English names whatever the machine speaks.
        service = house.serve(env={"LANG": "kk_KZ.UTF-8", "LC_ALL": "kk_KZ.UTF-8"})
        print(judge(house.base, "--etags", str(etags)).strip().splitlines()[-1], flush=True)
        assert len(json.loads(etags.read_text())) >= 20
        house.stop(service)
        service = house.serve()
        judge(house.base, "--same-etags", str(etags))
        # A language outside the newsroom's list keeps its tag, pages and feeds.
        status, _, body = house.get("/sk/")
        assert status == 200 and b'lang="sk"' in body
        status, headers, _ = house.get("/sk/feed.atom")
        assert status == 200 and headers["Content-Type"].startswith("application/atom+xml")
        house.stop(service)


def story_the_judge_of_events_sees_what_is_wrong():
    done = subprocess.run([sys.executable, JUDGE.with_name("selftest.py")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def story_the_demo_stories_hold():
    """Our own stories in three languages, with pictures, corrections and translations."""
    with House() as house:
        port = free_port()
        service = house.serve_demo(port)
        print(judge(f"http://127.0.0.1:{port}").strip().splitlines()[-1], flush=True)
        house.stop(service)


def story_hostile_feeds_come_out_clean():
    with House() as house:
        for name, data in {**hostile.FEEDS, **hostile.REFUSED}.items():
            (house.folder / name).write_bytes(data)
        report = house.json("import", "feed", *hostile.FEEDS)
        assert all(source["new"] for source in report["sources"]), report
        before = len(house.json("article", "list", "--limit", "1000"))
        for name in hostile.REFUSED:
            said = house.run("import", "feed", name, expect=1)
            assert name in said and any(word in said for word in ("do not belong", "does not belong", "zero bytes", "not JSON", "cut short")), said
        assert len(house.json("article", "list", "--limit", "1000")) == before
        for name, data, code, word in hostile.ARTICLES:
            (house.folder / name).write_bytes(data)
            said = house.run("article", "publish", name, expect=code)
            assert word in said, said
        service = house.serve()
        print(judge(house.base, "--tags", "200").strip().splitlines()[-1], flush=True)
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
