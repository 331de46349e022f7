"""A person with a phone, a keyboard and no script: subscribe, confirm, change wishes, pause, leave, come back; what axe says of the
pages; and the form on somebody else's page."""

import functools
import http.server
import os
import re
import subprocess
import tempfile
import threading
from pathlib import Path

from house import BIN, ROOT, House, free_port, wait_for_port

PEERS = {**os.environ, "PEERS": str(ROOT / "target/peers/node_modules")}


def drive(script, *args, log=""):
    done = subprocess.run(["node", ROOT / "tests/e2e" / script, *args], capture_output=True, text=True, timeout=300, env=PEERS)
    assert done.returncode == 0, done.stdout + done.stderr + log
    print(re.sub(r"^", "      ", done.stdout.strip(), flags=re.M), flush=True)


def story_a_keyboard_without_script_subscribes_and_leaves():
    folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-browser-"))
    port = free_port()
    log = open(folder / "demo.log", "wb")
    demo = subprocess.Popen([BIN, "demo", "--dir", folder / "jarshy-demo", "--listen", f"127.0.0.1:{port}"], stdout=log,
                            stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        pictures = os.environ.get("JARSHY_WALK_PICTURES")
        drive("walk.mjs", f"http://127.0.0.1:{port}", *([pictures] if pictures else []), log=(folder / "demo.log").read_text())
    finally:
        demo.terminate()
        demo.wait(timeout=30)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def story_a_form_on_another_site_subscribes():
    """PRODUCT M10: the page stands on another host and port; the browser calls that cross-site."""
    with House() as house:
        guest = free_port()
        site = f"http://localhost:{guest}"
        refused = house.run("embed", expect=2)
        assert "subscribe" in refused and "origins" in refused, refused
        house.change("[subscribe]\n", f"[subscribe]\norigins = [\"{site}\"]\n")
        form = house.run("embed", "--lang", "ru", "--back", f"{site}/page.html")
        assert len(form.strip().splitlines()) <= 12 and "<script" not in form, form
        pages = house.folder / "site"
        pages.mkdir()
        (pages / "page.html").write_text(f"<!doctype html><html lang=ru><meta charset=utf-8><title>Сайт</title>{form}</html>")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", guest), functools.partial(Quiet, directory=str(pages)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            service = house.serve()
            drive("guest.mjs", f"{site}/page.html", f"{site}/page.html")
            people = house.json("subscriber", "list")
            assert "v•••r@example.kz" in str(people), people
            # The settings no longer name the site.
            house.stop(service)
            house.change(site, "https://www.example.kz")
            house.serve()
            drive("guest.mjs", f"{site}/page.html", "refused")
        finally:
            server.shutdown()
