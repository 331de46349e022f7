#!/usr/bin/env bash
# Judges the HTML of mails with html-validate (its version is pinned in tests/peers/package.json):
#   tests/peers/mail/html-validate.sh FILE.html…
# Off are only inline styles and presentational attributes, which mail programs (Word's engine) need, and <tbody>, which may be left
# out to save bytes.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
peers=${JARSHY_PEERS:-$root/target/peers}
exec node "$peers/node_modules/html-validate/bin/html-validate.mjs" --config "$here/html-validate.json" "$@"
