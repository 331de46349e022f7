#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: on a fresh Debian machine with nothing but Rust, everything.
# Python and npm peers go to target/peers, so that they are the project's own and their versions are pinned.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { [ -e "$1" ] || command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
need /usr/sbin/smtp-sink postfix
need chromium chromium
need /usr/sbin/nginx nginx-light
need python3 python3
need java default-jre-headless
need openssl openssl
need cc build-essential
need caddy caddy
need spamassassin spamassassin
need /usr/sbin/dovecot dovecot-core
need /usr/lib/dovecot/lmtp dovecot-lmtpd
need /usr/lib/dovecot/imap dovecot-imapd
need /usr/bin/sievec dovecot-sieve
need rspamd rspamd
need systemd-analyze systemd
need wrk wrk
need node nodejs
need npm npm
need curl curl
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ -d /usr/share/fonts/truetype/noto ] || missing+=(fonts-noto-core)
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  as_root=""
  [ "$(id -u)" = 0 ] || as_root=sudo
  $as_root apt-get update -qq
  # A package that starts a service here (Caddy, nginx, PostgreSQL) must not: the tests start their own on loopback.
  $as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v cargo-nextest >/dev/null || cargo install --locked --quiet cargo-nextest --version 0.9.143
command -v cargo-deny >/dev/null || cargo install --locked --quiet cargo-deny --version 0.20.2

mkdir -p target/peers
stamp=$(cat tests/peers/requirements.txt tests/peers/package.json | sha256sum | cut -d' ' -f1)
if [ "$(cat target/peers/stamp 2>/dev/null || true)" != "$stamp" ]; then
  rm -rf target/peers/venv
  hash -r # PATH may have led into it.
  python3 -m venv target/peers/venv
  target/peers/venv/bin/pip install --quiet --disable-pip-version-check -r tests/peers/requirements.txt
  cp tests/peers/package.json target/peers/package.json
  (cd target/peers && PUPPETEER_SKIP_DOWNLOAD=1 npm install --silent --no-audit --no-fund --ignore-scripts)
  echo "$stamp" >target/peers/stamp
fi
