"""A person with a phone, without script: subscribe, confirm, change wishes, leave; and what axe says of the pages."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from house import BIN, ROOT, free_port, wait_for_port


def story_a_phone_without_script_subscribes_and_leaves():
    folder = Path(tempfile.mkdtemp(prefix="jarshy-e2e-browser-"))
    port = free_port()
    log = open(folder / "demo.log", "wb")
    demo = subprocess.Popen([BIN, "demo", "--dir", folder / "jarshy-demo", "--listen", f"127.0.0.1:{port}"], stdout=log,
                            stderr=log, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        done = subprocess.run(["node", ROOT / "tests/e2e/walk.mjs", f"http://127.0.0.1:{port}"], capture_output=True, text=True,
                              timeout=300, env={**os.environ, "PEERS": str(ROOT / "target/peers/node_modules")})
        assert done.returncode == 0, done.stdout + done.stderr + (folder / "demo.log").read_text()
        print(re.sub(r"^", "      ", done.stdout.strip(), flags=re.M), flush=True)
    finally:
        demo.terminate()
        demo.wait(timeout=30)
