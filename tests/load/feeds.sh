#!/usr/bin/env bash
# What feeds cost, beside nginx serving the same bytes from files in the same run on the same machine. JARSHY_BIN is a release
# binary. Prints `figure NAME VALUE` lines; a report, never an assertion about speed. It does fail if an answer is not what it is
# said to be.
#
# PARTS (default "speed away million distinct release") chooses what is measured:
#   speed     requests per second, CPU per request and the 99th percentile for 304 and bodies of several sizes, as ratios to nginx
#   away      polls while PostgreSQL is stopped, and the feed moving on once it is back
#   million   memory before and after a million polls
#   distinct  memory with ten thousand distinct feeds read as gzip
#   release   what one release costs with 10,000 and with 100,000 articles, 500 feeds being read
#
# SECONDS_EACH (default 4) is how long each load lasts, ROUNDS (default 3) how often both servers take turns (the median is
# printed), CONNECTIONS (default 32) how many stay open. The load generator (wrk) runs on the same machine, so both servers have
# what it leaves them, and ratios alone mean something.
set -euo pipefail
cd "$(dirname "$0")/../.."
JARSHY_BIN=$(realpath "${JARSHY_BIN:-target/release/jarshy}")
export JARSHY_BIN PATH="$PATH:/usr/sbin"
command -v wrk nginx >/dev/null || { echo "install wrk and nginx" >&2; exit 2; }
work=$(mktemp -d)
chmod 755 "$work"
trap 'rm -rf "$work"' EXIT
python3 tests/load/feeds.py "$work"
