#!/usr/bin/env bash
# The one test command. Installs what is missing, then runs everything: format, clippy, documentation, licences, architecture,
# unit, properties, both database engines, the shipped files of deploy/, and end to end against peers we did not write.
# A peer that cannot be asked is a failure, never silence.
set -euo pipefail
cd "$(dirname "$0")/.."
export CI=${CI:-true} RUST_BACKTRACE=${RUST_BACKTRACE:-0}
started=$SECONDS
step() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - started)); }

step "what is missing"
bash tests/install.sh
export PATH="$PWD/target/peers/venv/bin:$PATH"

step "format"
cargo fmt --check
step "clippy"
cargo clippy --locked --all-targets --quiet -- -D warnings
step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet --lib
step "licences, bans, sources"
cargo deny --offline --log-level error check licenses bans sources 2>/dev/null || cargo deny check licenses bans sources
step "files of deploy/"
bash tests/deploy.sh

step "release build"
cargo build --release --locked --quiet

work=$(mktemp -d)
chmod 755 "$work"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
stop() { bash tests/postgres.sh stop "$work/postgres" || true; rm -rf "$work"; }
trap stop EXIT
JARSHY_TEST_POSTGRES=$(bash tests/postgres.sh start "$work/postgres" "$port")
export JARSHY_TEST_POSTGRES JARSHY_BIN="$PWD/target/release/jarshy"

step "architecture, unit, properties, stories on both engines"
cargo nextest run --locked --no-fail-fast --status-level fail --final-status-level fail
step "end to end, with peers"
python3 tests/e2e/run.py
step "done"
