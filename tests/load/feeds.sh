#!/usr/bin/env bash
# How fast feeds are served, as a ratio to nginx serving the same bytes from a file in the same run on the same machine.
# JARSHY_BIN is a release binary. Prints `figure NAME VALUE` lines; a report, never an assertion.
#
# SECONDS_EACH (default 4) is how long each of the six loads lasts, CONNECTIONS (default 32) how many stay open. The load
# generator (wrk) runs on the same machine, so both servers have what it leaves them.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=$(realpath "${JARSHY_BIN:-target/release/jarshy}")
each=${SECONDS_EACH:-4}
connections=${CONNECTIONS:-32}
command -v wrk >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends wrk >/dev/null; }
nginx=$(command -v nginx || echo /usr/sbin/nginx)

work=$(mktemp -d)
chmod 755 "$work"
jarshy_pid= nginx_pid=
stop() {
  [ -z "$nginx_pid" ] || kill "$nginx_pid" 2>/dev/null || true
  [ -z "$jarshy_pid" ] || kill "$jarshy_pid" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap stop EXIT
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
ours=$(free_port) theirs=$(free_port)

# A newsroom with 60 stories of some kilobytes each: a feed shows 50 of them, so it weighs what a real one does.
cat >"$work/jarshy.toml" <<TOML
[server]
public_url = "http://127.0.0.1:$ours"
listen = "127.0.0.1:$ours"
[database]
url = "sqlite:jarshy.db"
[secrets]
hash_key = "$(python3 -c 'import secrets; print(secrets.token_hex(32))')"
link_keys = { 1 = "$(python3 -c 'import secrets; print(secrets.token_hex(32))')" }
[newsroom]
names = { kk = "Тау жаршысы", ru = "Тау жаршысы", en = "Tau Herald" }
languages = ["kk", "ru", "en"]
time_zone = "Asia/Almaty"
TOML
python3 - "$work/stories.xml" <<'PY'
import sys
places = ["Алмасай", "Көктерек", "Сарыбұлақ", "Тастөбе", "Ақжар"]
subjects = ["су тасқынына дайындық", "жол жөндеу", "жаңа мектеп", "көктемгі егіс", "кітапхана апталығы"]
items = []
for n in range(60):
    place, subject = places[n % 5], subjects[n // 5 % 5]
    body = "".join(
        f"<p>{place} ауылында {subject} басталды. {k + 1}-кезең бойынша жауапты мамандар жұмыс кестесін бекітіп, тұрғындарға "
        f"қажетті кеңестер берді. Келесі жиналыс {(n + k) % 28 + 1} наурызда өтеді.</p>" for k in range(12))
    items.append(
        f"<item><title>{place}: {subject}, {n + 1}-хабар</title><link>https://www.example.org/news/{n + 1}</link>"
        f"<guid isPermaLink=\"false\">urn:example:load:{n + 1}</guid><pubDate>{n % 28 + 1:02d} Jan 2026 {n % 24:02d}:00:00 +0500</pubDate>"
        f"<description><![CDATA[{body}]]></description></item>")
open(sys.argv[1], "w", encoding="utf-8").write(
    '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Сынақ</title><link>https://www.example.org/</link>'
    f'<description>Сынақ</description>{"".join(items)}</channel></rss>')
PY
(cd "$work" && "$bin" import feed stories.xml --language kk >import.log 2>&1) || { cat "$work/import.log" >&2; exit 1; }
(cd "$work" && exec "$bin" serve >serve.log 2>&1) &
jarshy_pid=$!
url=http://127.0.0.1:$ours/kk/feed.rss
for _ in $(seq 200); do curl -fsS -o "$work/kk.rss" "$url" 2>/dev/null && break; sleep 0.05; done
[ -s "$work/kk.rss" ] || { cat "$work/serve.log" >&2; exit 1; }
curl -fsS -H 'Accept-Encoding: gzip' -o "$work/kk.rss.gz" "$url"
etag_of() { curl -fsS -o /dev/null -D - "$@" | tr -d '\r' | awk 'tolower($1) == "etag:" { print $2 }'; }

# nginx with what makes it quick: a file, sendfile, an open-file cache, no log, the gzip made ahead.
mkdir -p "$work/files"
cp "$work/kk.rss" "$work/files/feed.rss"
cp "$work/kk.rss.gz" "$work/files/feed.rss.gz"
chmod -R a+rX "$work/files"
cat >"$work/nginx.conf" <<CONF
worker_processes auto;
pid $work/nginx.pid;
error_log $work/nginx.log;
daemon off;
$([ "$(id -u)" != 0 ] || echo "user root;")
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; etag on;
  keepalive_requests 100000000;
  open_file_cache max=100; open_file_cache_valid 60s;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  types { application/rss+xml rss; }
  server {
    listen 127.0.0.1:$theirs; root $work/files;
    location / { gzip_static on; add_header Cache-Control "public, max-age=300"; add_header X-Content-Type-Options nosniff; }
  }
}
CONF
"$nginx" -c "$work/nginx.conf" -p "$work" 2>/dev/null &
nginx_pid=$!
their_url=http://127.0.0.1:$theirs/feed.rss
for _ in $(seq 100); do curl -fsS -o "$work/theirs.rss" "$their_url" 2>/dev/null && break; sleep 0.05; done
cmp "$work/kk.rss" "$work/theirs.rss"
curl -fsS -H 'Accept-Encoding: gzip' -o "$work/theirs.gz" "$their_url"
cmp "$work/kk.rss.gz" "$work/theirs.gz"

# Clock ticks that a process and its children have used.
ticks() {
  local sum=0 pid line
  for pid in "$1" $(pgrep -P "$1" || true); do
    line=$(sed 's/.*) //' "/proc/$pid/stat")
    # shellcheck disable=SC2086
    set -- $line
    sum=$((sum + ${12} + ${13}))
  done
  echo "$sum"
}
# load PID URL [HEADER]: requests, requests/s, CPU microseconds a request.
load() {
  local pid=$1 target=$2 before after out requests rate
  shift 2
  wrk -t1 -c"$connections" -d1s "$@" "$target" >/dev/null
  before=$(ticks "$pid")
  out=$(wrk -t1 -c"$connections" -d"${each}s" "$@" "$target")
  after=$(ticks "$pid")
  if grep -q 'Socket errors' <<<"$out"; then echo "$out" >&2; exit 1; fi
  requests=$(awk '/requests in/ { print $1 }' <<<"$out")
  rate=$(awk '/Requests\/sec/ { print $2 }' <<<"$out")
  awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$requests" -v r="$rate" \
    'BEGIN { printf "%d %.2f\n", r, t / hz / n * 1e6 }'
}
# expect STATUS URL [HEADER]: what is measured is what it is said to be.
expect() {
  local wanted=$1 got
  shift
  got=$(curl -sS -o /dev/null -w '%{http_code}' "$@")
  [ "$got" = "$wanted" ] || { echo "$* answered $got instead of $wanted" >&2; exit 1; }
}

echo "figure feed_bytes_identity $(stat -c %s "$work/kk.rss")"
echo "figure feed_bytes_gzip $(stat -c %s "$work/kk.rss.gz")"
for kind in 304 200_identity 200_gzip; do
  our_header=() their_header=()
  case $kind in
  304)
    our_header=(-H "If-None-Match: $(etag_of "$url")")
    their_header=(-H "If-None-Match: $(etag_of "$their_url")")
    ;;
  200_gzip)
    our_header=(-H "Accept-Encoding: gzip")
    their_header=(-H "Accept-Encoding: gzip")
    ;;
  esac
  expect "${kind%%_*}" "$url" "${our_header[@]}"
  expect "${kind%%_*}" "$their_url" "${their_header[@]}"
  read -r our_rate our_cpu < <(load "$jarshy_pid" "$url" "${our_header[@]}")
  read -r their_rate their_cpu < <(load "$nginx_pid" "$their_url" "${their_header[@]}")
  echo "figure feed_${kind}_per_second $our_rate"
  echo "figure feed_${kind}_nginx_per_second $their_rate"
  echo "figure feed_${kind}_ratio $(awk -v a="$our_rate" -v b="$their_rate" 'BEGIN { printf "%.3f", a / b }')"
  echo "figure feed_${kind}_cpu_us $our_cpu"
  echo "figure feed_${kind}_nginx_cpu_us $their_cpu"
done
