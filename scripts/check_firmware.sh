#!/usr/bin/env bash
# Check the types of the cabinet's firmware against what MicroPython has on a Pico: its modules, not those of CPython.
#
# The checker and the Pico's stubs live in build/typings, apart from the environment, whose modules they would hide.
# They are fetched once (and again when requirements/firmware.txt changes); after that nothing needs a network.
set -euo pipefail

cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
readonly TYPINGS=build/typings
readonly LOCK=requirements/firmware.txt
readonly STAMP="$TYPINGS/.made-from"

if [[ ! -f "$STAMP" ]] || ! cmp -s "$LOCK" "$STAMP"; then
    rm -rf "$TYPINGS"
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --target "$TYPINGS" -r "$LOCK"
    cp "$LOCK" "$STAMP"
fi
said="$(PYTHONPATH="$TYPINGS" .venv/bin/python -m basedpyright --project drivers/cabinet/firmware)" || {
    printf '%s\n' "$said"
    exit 1
}
