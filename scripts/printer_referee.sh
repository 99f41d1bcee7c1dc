#!/usr/bin/env bash
# Install emupos, the independent printer that judges ours, into build/emupos: once, and again when its lock changes.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly PLACE=build/emupos LOCK=requirements/emupos.txt

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    echo "make printer-referee: emupos needs Python 3.13; this is $(.venv/bin/python --version)" >&2
    exit 1
fi
if ! cmp --quiet "$LOCK" "$PLACE/installed.txt"; then
    .venv/bin/python -m venv --clear "$PLACE"
    "$PLACE/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$LOCK"
    cp "$LOCK" "$PLACE/installed.txt"
fi
