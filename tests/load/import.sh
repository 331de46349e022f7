#!/usr/bin/env bash
# How fast a list of people comes in, as a ratio to bare multi-row INSERTs of the very same rows in the same run on the same
# machine, and how much memory it takes. JARSHY_BIN is a release binary. Prints `figure NAME VALUE` lines; a report, never an
# assertion about speed. It does fail if a person is lost or repeated.
#
# ROWS (default 1000000) people, ENGINES (default "sqlite postgres"). The bare rows go into fresh databases of the same schema,
# 1000 rows a statement, 2000 people a transaction, with the same durability: SQLite in WAL with synchronous=FULL, PostgreSQL
# with fsync on (a throw-away server of its own on loopback).
set -euo pipefail
cd "$(dirname "$0")/../.."
JARSHY_BIN=$(realpath "${JARSHY_BIN:-target/release/jarshy}")
export JARSHY_BIN ROWS=${ROWS:-1000000} ENGINES=${ENGINES:-sqlite postgres}
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
  psql -q "$POSTGRES" -c "ALTER SYSTEM SET fsync = on" -c "ALTER SYSTEM SET full_page_writes = on" -c "SELECT pg_reload_conf()" >/dev/null
fi
python3 tests/load/import.py "$work"
