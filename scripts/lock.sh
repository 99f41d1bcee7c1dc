#!/usr/bin/env bash
# Write requirements/ again: every package of the extras server, ldap and dev, at one version, with the hashes of its files;
# of these, at the same versions, those that a station's image has, and those of a demo (no card reader, no keypad: nothing to
# compile); and in files of their own the fuzzer, which only `make fuzz`
# installs, what makes mutants (`make mutants`), and what checks the cabinet's firmware.
#
# Versions at hand are kept unless setup.cfg asks for others; `--upgrade` or `--upgrade-package NAME` takes newer ones.
# The resolver lives in an environment of its own (build/lock) and never enters the project's.
# No index is named in the files: each machine uses the one that its pip is configured with.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly TOOL=build/lock
readonly -a OPTIONS=(--quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-header)

if [[ ! -x "$TOOL/bin/uv" ]]; then
    printf '==> Installing the resolver into %s\n' "$TOOL"
    .venv/bin/python -m venv --clear "$TOOL"
    "$TOOL/bin/pip" install --quiet --disable-pip-version-check uv
fi

compile() { "$TOOL/bin/uv" pip compile "${OPTIONS[@]}" "$@"; }

printf '==> requirements/build.txt\n'
compile requirements/build.in --python-version 3.11 --output-file requirements/build.txt "$@"
for version in 3.11 3.12 3.13; do
    printf '==> requirements/py%s.txt\n' "${version/./}"
    compile setup.cfg --extra server --extra ldap --extra dev --constraint requirements/build.txt \
        --python-version "$version" --output-file "requirements/py${version/./}.txt" "$@"
    compile setup.cfg --extra server --constraint "requirements/py${version/./}.txt" --no-emit-package pyscard \
        --no-emit-package evdev --python-version "$version" --output-file "requirements/demo-py${version/./}.txt"
done
printf '==> requirements/station-py313.txt\n'
compile setup.cfg --constraint requirements/py313.txt --python-version 3.13 --python-platform linux \
    --output-file requirements/station-py313.txt

extra() { .venv/bin/python -c 'import configparser as c, sys; f = c.ConfigParser(); f.read("setup.cfg"); print(f["options.extras_require"][sys.argv[1]])' "$1"; }

printf '==> requirements/fuzz.txt\n'
extra fuzz | compile - --universal --no-deps --no-annotate --python-version 3.11 --output-file requirements/fuzz.txt "$@"
printf '==> requirements/mutants.txt\n'
extra mutants | compile - --universal --no-deps --no-annotate --python-version 3.11 --output-file requirements/mutants.txt "$@"
printf '==> requirements/firmware.txt\n'
extra firmware | compile - --universal --no-annotate --python-version 3.11 --output-file requirements/firmware.txt "$@"
printf '==> requirements/emupos.txt\n'
extra referee | compile - --no-annotate --python-version 3.13 --output-file requirements/emupos.txt "$@"
printf '==> requirements/audit.txt\n'
extra audit | compile - --universal --no-annotate --python-version 3.11 --output-file requirements/audit.txt "$@"
printf '==> requirements/image.txt\n'
extra image | compile - --no-annotate --python-version 3.13 --output-file requirements/image.txt "$@"
printf '==> requirements/docs.txt\n'
extra docs | compile - --universal --no-annotate --python-version 3.11 --output-file requirements/docs.txt "$@"
