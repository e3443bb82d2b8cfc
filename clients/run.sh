#!/bin/sh
# Runs the client suites against a sandbox and a server of their own. Needs scripts/test.sh to have
# been run once (Python environment, npm packages) and a built binary.
set -eu
cd "$(dirname "$0")/.."
target=$(realpath "${CARGO_TARGET_DIR:-target}")
python=$target/test-env/venv/bin/python
if [ ! -x "$python" ] || [ ! -d clients/node/node_modules/whatsapp ]; then
    echo "clients/run.sh: the client libraries are not installed: run scripts/test.sh" >&2
    exit 1
fi
export HOLDLINE_BIN="${HOLDLINE_BIN:-$target/debug/holdline}"
exec "$python" clients/stack.py "$python" clients/suites.py
