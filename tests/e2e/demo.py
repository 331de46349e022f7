"""`jarshy demo`: what the README promises in its first minute."""

import json
import re
import subprocess
import tempfile
from pathlib import Path

from house import BIN


def demo(folder, *args):
    done = subprocess.run([BIN, "demo", "--once", "--dir", folder / "jarshy-demo", *args], cwd=folder, capture_output=True,
                          text=True, timeout=300, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def story_once_prints_the_equation_and_goes_on_the_next_day():
    folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-demo-"))
    said = demo(folder)
    for words in ("demo newsroom «Тау жаршысы»", "SQLite", "1 250 subscribers in 3 zones, all invented",
                  "Nothing leaves this machine", "Asia/Almaty", "қазақша", "✓ nobody lost, nobody twice"):
        assert words in said.replace("\u202f", " ").replace("\u00a0", " "), f"{words!r} is not in:\n{said}"
    sums = json.loads(demo(folder, "--json"))
    assert set(sums) >= {"planned", "accepted", "failed", "cancelled", "expired", "held", "open"}, sums
    assert sums["planned"] == sums["accepted"] + sums["failed"] + sums["cancelled"] + sums["expired"] + sums["held"] + sums["open"]
    assert sums["planned"] > 1250 and sums["open"] == 0, sums
