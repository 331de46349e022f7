#!/usr/bin/env bash
# What planning and fan-out of a morning cost, as a ratio to one bare `INSERT … SELECT` of as many delivery rows into a copy of the
# same database in the same run; how much memory they take; and what one mail costs beside a signature. JARSHY_BIN is a release
# binary. Prints `figure NAME VALUE` lines; a report, never an assertion about speed. It does fail if a person is left out or
# repeated, or if an issue is compiled that is no content of its own.
#
# PEOPLE (default 1000000) with some 1,000 distinct wishes in some 2,000 slots, SMALL (default a tenth) to see that memory does not
# grow with people, ENGINES (default "sqlite postgres"). SQLite runs in WAL with synchronous=FULL, PostgreSQL with fsync on (a
# throw-away server of its own on loopback).
set -euo pipefail
cd "$(dirname "$0")/../.."
JARSHY_BIN=$(realpath "${JARSHY_BIN:-target/release/jarshy}")
# `cargo build --release --example mail_cost`; without it that part is left out.
export MAIL_COST=${MAIL_COST:-$(dirname "$JARSHY_BIN")/examples/mail_cost}
export JARSHY_BIN PEOPLE=${PEOPLE:-1000000} ENGINES=${ENGINES:-sqlite postgres}
export SMALL=${SMALL:-$((PEOPLE / 10))}
work=$(mktemp -d)
chmod 755 "$work"
stop() {
  bash tests/postgres.sh stop "$work/postgres" 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
if [[ $ENGINES == *postgres* ]]; then
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  POSTGRES=$(bash tests/postgres.sh start "$work/postgres" "$port")
  export POSTGRES
  # The server for tests throws its data away; this one must pay for keeping it, as everywhere.
  psql -q "$POSTGRES" -c "ALTER SYSTEM SET fsync = on" -c "ALTER SYSTEM SET full_page_writes = on" \
    -c "ALTER SYSTEM SET max_wal_size = '2GB'" -c "SELECT pg_reload_conf()" >/dev/null
fi
python3 tests/load/digest.py "$work"
