#!/bin/sh
# Runs the client suites against a sandbox and a server of their own. Needs scripts/test.sh to have
# been run once (Python environment, npm packages) and a built binary.
set -eu
cd "$(dirname "$0")"
python=../target/test-env/venv/bin/python
if [ ! -x "$python" ] || [ ! -d node/node_modules/whatsapp ]; then
    echo "clients/run.sh: the client libraries are not installed: run scripts/test.sh" >&2
    exit 1
fi
exec "$python" stack.py "$python" suites.py
