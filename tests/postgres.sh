#!/usr/bin/env bash
# A throw-away PostgreSQL on loopback for tests: `tests/postgres.sh start DIR PORT` and `tests/postgres.sh stop DIR`.
# fsync is off (the data is thrown away); synchronous_commit stays on, since Jarshy insists on it.
set -euo pipefail
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
case "${1:-}" in
start)
  dir=$2 port=$3
  mkdir -p "$dir"
  [ "$(id -u)" != 0 ] || chown postgres: "$dir"
  as_postgres "$bin/initdb" -D "$dir/data" -U jarshy --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync >/dev/null
  as_postgres "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" start >/dev/null -o \
    "-p $port -k $dir -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off -c max_connections=300"
  echo "postgres://jarshy@127.0.0.1:$port/postgres"
  ;;
stop)
  as_postgres "$bin/pg_ctl" -D "$2/data" -m immediate stop >/dev/null
  ;;
*)
  echo "usage: tests/postgres.sh start DIR PORT | stop DIR" >&2
  exit 2
  ;;
esac
