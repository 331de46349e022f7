#!/usr/bin/env python3
"""The real binary against peers we did not write. Each story prints a line; the last line counts them.

`python3 tests/e2e/run.py [NAME…]` runs all stories, or those named. JARSHY_BIN names the binary, JARSHY_TEST_POSTGRES a server.
"""

import importlib
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

MODULES = ["settings", "feeds", "caches", "directories", "websub", "mail", "relays", "letters", "instances", "demo", "browser"]


def main():
    wanted, passed, failed = sys.argv[1:], 0, 0
    for module in MODULES:
        stories = vars(importlib.import_module(module))
        for name, story in list(stories.items()):
            if not name.startswith("story_") or (wanted and module not in wanted and name not in wanted):
                continue
            started = time.monotonic()
            try:
                story()
                passed += 1
                print(f"ok    {module}.{name[6:]} ({time.monotonic() - started:.1f} s)", flush=True)
            except Exception:
                failed += 1
                print(f"FAIL  {module}.{name[6:]}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
