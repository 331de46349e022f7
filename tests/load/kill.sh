#!/usr/bin/env bash
# The kill test at full size: `kill -9` of `jarshy serve` in the middle of 2 000 deliveries, ten times at seeded moments, on both
# engines. JARSHY_BIN is a release binary (default target/release/jarshy), JARSHY_TEST_POSTGRES a server; without one a
# throw-away server is started. JARSHY_KILL_SEED (default: a new one each time) names the moments and is printed.
set -euo pipefail
cd "$(dirname "$0")/../.."
export JARSHY_KILL_DELIVERIES=${JARSHY_KILL_DELIVERIES:-2000} JARSHY_KILLS=${JARSHY_KILLS:-10}
export JARSHY_KILL_SEED=${JARSHY_KILL_SEED:-$RANDOM$RANDOM} CI=true
JARSHY_BIN=$(realpath "${JARSHY_BIN:-target/release/jarshy}")
export JARSHY_BIN
if [ -z "${JARSHY_TEST_POSTGRES:-}" ]; then
  work=$(mktemp -d)
  chmod 755 "$work"
  trap 'bash tests/postgres.sh stop "$work/postgres" || true; rm -rf "$work"' EXIT
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  JARSHY_TEST_POSTGRES=$(bash tests/postgres.sh start "$work/postgres" "$port")
  export JARSHY_TEST_POSTGRES
fi
echo "seed $JARSHY_KILL_SEED"
cargo nextest run --locked --no-capture --test-threads 1 -E 'test(/^kill::/)'
