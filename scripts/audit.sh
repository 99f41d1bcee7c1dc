#!/usr/bin/env bash
# Install the tools of `make audit` into an environment of their own (build/audit/tools), once for each lock.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly TOOLS=build/audit/tools LOCK=requirements/audit.txt
stamp="$(sha256sum "$LOCK")"
[[ -f "$TOOLS/.stamp" && "$(<"$TOOLS/.stamp")" == "$stamp" ]] && exit 0
printf '==> Installing the tools of the audit into %s\n' "$TOOLS"
.venv/bin/python -m venv --clear "$TOOLS"
"$TOOLS/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$LOCK"
printf '%s\n' "$stamp" >"$TOOLS/.stamp"
