#!/usr/bin/env bash
# Checks the files of deploy/ with their own tools. `deploy/jarshy.toml` is read by a unit test of the settings.
set -euo pipefail
cd "$(dirname "$0")/.."
# The unit names a program that is not installed where it is checked: that line alone is expected.
unit=$(systemd-analyze verify deploy/jarshy.service 2>&1 | grep -v 'Command /usr/bin/jarshy is not executable' || true)
[ -z "$unit" ] || { echo "deploy/jarshy.service: $unit"; exit 1; }
caddy validate --adapter caddyfile --config deploy/Caddyfile >/dev/null 2>&1 || { caddy validate --adapter caddyfile --config deploy/Caddyfile; exit 1; }
(cd target/peers && npx --no-install dockerfilelint ../../deploy/Dockerfile) || exit 1
python3 - <<'PY'
import json, yaml
from jsonschema import Draft7Validator
compose = yaml.safe_load(open("deploy/compose.yaml"))
services = compose["services"]
assert set(services) == {"jarshy", "postgres"} and set(compose) == {"services", "volumes"}
assert services["jarshy"]["depends_on"]["postgres"]["condition"] == "service_healthy"
assert all(port.startswith("127.0.0.1:") for port in services["jarshy"]["ports"])
assert "postgres" in compose["volumes"] and "volumes" in services["postgres"]
assert "USER jarshy" in open("deploy/Dockerfile").read()
PY
echo "deploy: unit, Caddyfile, Dockerfile and compose file hold"
