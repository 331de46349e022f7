#!/usr/bin/env bash
# How fast a digest leaves, as a ratio to `smtp-source -d -s 20` sending messages of the same size to the same sink
# (Postfix's smtp-sink) in the same run on the same machine. JARSHY_BIN is a release binary; prints `figure NAME VALUE` lines; a
# report, never an assertion about speed. It does fail if a message is lost or a sum does not add up.
#
# MESSAGES (default 20000) per load, SIZES (default "30 60", in KB). Both engines as they are in production: SQLite with
# synchronous=FULL, PostgreSQL with fsync on (a throw-away server of its own on loopback).
set -euo pipefail
cd "$(dirname "$0")/../.."
JARSHY_BIN=$(realpath "${JARSHY_BIN:-target/release/jarshy}")
export JARSHY_BIN PATH="$PATH:/usr/sbin"
command -v smtp-sink smtp-source >/dev/null || { echo "install postfix: it brings smtp-sink and smtp-source" >&2; exit 2; }
work=$(mktemp -d)
chmod 755 "$work"
sink=
stop() {
  [ -z "$sink" ] || kill "$sink" 2>/dev/null || true
  bash tests/postgres.sh stop "$work/postgres" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

POSTGRES=$(bash tests/postgres.sh start "$work/postgres" "$(free_port)")
export POSTGRES
# The server for tests throws its data away; this one must pay for keeping it, as everywhere.
psql -q "$POSTGRES" -c "ALTER SYSTEM SET fsync = on" -c "ALTER SYSTEM SET full_page_writes = on" -c "SELECT pg_reload_conf()" >/dev/null
SINK=$(free_port)
export SINK
as_nobody=()
[ "$(id -u)" != 0 ] || as_nobody=(-u nobody)
smtp-sink "${as_nobody[@]}" "127.0.0.1:$SINK" 1000 &
sink=$!
sleep 1
python3 tests/load/delivery.py "$work"
