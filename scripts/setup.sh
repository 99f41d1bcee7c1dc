#!/usr/bin/env bash
# Set up everything that is missing: Debian packages, the virtual environment, the locked requirements, the project.
#
# setup.sh demo   what the demo needs: nothing is compiled
# setup.sh        what tests and checks need too
#
# Each step leaves a stamp of what it was made from, so that a second run only compares and is done within a second.
# Environment: PYTHON=/path/to/python3.X chooses the interpreter (3.11 to 3.13); POLICY_RC_D is where the policy on services of
# this installation stands, if not where Debian looks for it.
# Exit codes: 0 done; 2 something is missing that only a person can install (the line to run is printed).
set -euo pipefail

cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
readonly VENV=.venv
readonly PACKAGES=scripts/debian-packages.txt
readonly POLICY="${POLICY_RC_D:-/usr/sbin/policy-rc.d}"
readonly BUILD_LOCK=requirements/build.txt
readonly -a SUPPORTED=(3.13 3.12 3.11)
readonly -a PIP_OPTIONS=(--quiet --disable-pip-version-check --no-input --require-virtualenv)

say() { printf '==> %s\n' "$*"; }

give_up() {
    printf '%s\n' "setup: $1" "${@:2}" >&2
    exit 2
}

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

is_supported() {
    local version
    for version in "${SUPPORTED[@]}"; do [[ "$1" == "$version" ]] && return 0; done
    return 1
}

# The interpreter: PYTHON if given, then the one the environment was made with, then Debian's, then any on the path.
choose_python() {
    local candidate
    if [[ -n "${PYTHON:-}" ]]; then
        candidate="$(command -v "$PYTHON")" || give_up "PYTHON=$PYTHON is not a program."
        is_supported "$(version_of "$candidate")" || give_up "PYTHON=$PYTHON is not Python 3.11, 3.12 or 3.13."
        printf '%s\n' "$candidate"
        return
    fi
    for candidate in "$VENV/bin/python" "${SUPPORTED[@]/#//usr/bin/python}" "${SUPPORTED[@]/#/python}" python3; do
        candidate="$(command -v "$candidate")" || continue
        if is_supported "$(version_of "$candidate")"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    give_up "Python 3.11, 3.12 or 3.13 is needed; set PYTHON=/path/to/one."
}

# Names of the Debian packages wanted, one a line; Debian's own interpreter needs some of its own.
wanted_packages() {
    local first second base
    while read -r first second _; do
        case "$first" in
            "" | \#*) ;;
            demo:) printf '%s\n' "$second" ;;
            *) [[ "$layer" == demo ]] || printf '%s\n' "$first" ;;
        esac
    done <"$PACKAGES"
    base="$("$python" -c 'import sys; print(sys.base_prefix)')"
    [[ "$base" == /usr ]] || return 0
    printf '%s\n' "python$version-venv"
    [[ "$layer" == demo ]] || printf '%s\n' "python$version-dev"
}

missing_packages() {
    local -a wanted
    mapfile -t wanted < <(wanted_packages)
    comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
            sed -n 's/^installed //p' | sort -u)
}

apt() { DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null; }

# RabbitMQ, Erlang's name server and slapd are programs here, not services: Debian is kept from starting them with the installation
# where no policy stands (invoke-rc.d asks it; exit code 101 forbids). Others start as Debian has it: pcscd serves real readers.
without_services() {
    [[ ! -e "$POLICY" ]] || return 0
    trap 'rm -f "$POLICY"' EXIT
    printf '#!/bin/sh\ncase "$1" in rabbitmq-server | epmd | slapd) exit 101 ;; esac\n' >"$POLICY"
    chmod 755 "$POLICY"
}

install_packages() {
    local -a missing
    local log
    if ! command -v dpkg-query >/dev/null; then
        say "Not a Debian system: see $PACKAGES for what has to be there."
        return
    fi
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]})) || return 0
    if ((EUID != 0)); then
        give_up "${#missing[@]} Debian packages are missing. Run this line, then the same make again:" "" \
            "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    without_services
    log="$(mktemp)"
    apt update >"$log" 2>&1 || apt update >"$log" 2>&1 || say "apt-get update failed; trying with the lists at hand."
    if ! apt install --yes --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        give_up "apt-get could not install them; its last lines are above."
    fi
    rm -f "$log"
}

# An environment knows its own path, so one that was moved or copied with the project is made anew.
is_sound() {
    [[ -x "$VENV/bin/pip" && "$(version_of "$VENV/bin/python")" == "$version" ]] &&
        grep -qF "$(pwd -P)/$VENV" "$VENV/pyvenv.cfg"
}

make_environment() {
    is_sound && return
    say "Making the virtual environment $VENV with Python $version"
    "$python" -m venv --clear "$VENV"
}

is_stamped() { [[ -f "$VENV/.setup-$1" && "$(<"$VENV/.setup-$1")" == "$(sha256sum "${@:2}")" ]]; }

# Run a step unless its stamp says that it was done from the same files.
unless_stamped() {
    is_stamped "$1" "${@:3}" && return
    "$2"
    sha256sum "${@:3}" >"$VENV/.setup-$1"
}

# The project, and of the tests' pyscard, evdev and bonsai, are built with the locked setuptools, not with whichever an isolated
# build would fetch.
install_requirements() {
    say "Installing the locked Python packages into $VENV (a minute or two the first time)"
    "$VENV/bin/pip" install "${PIP_OPTIONS[@]}" --require-hashes -r "$BUILD_LOCK"
    "$VENV/bin/pip" install "${PIP_OPTIONS[@]}" --require-hashes --no-build-isolation -r "$lock"
}

install_project() {
    say "Installing the programs kortkiosk, kortkiosk-fleet and kortkiosk-provision into $VENV"
    "$VENV/bin/pip" install "${PIP_OPTIONS[@]}" --no-deps --no-build-isolation --editable . --editable ./sim
}

# A linked environment is another checkout's: it is used as it is, and never cleared or filled from here.
if [[ -L "$VENV" ]]; then
    [[ -x "$VENV/bin/python" ]] || give_up "$VENV is a link to an environment that is not there; run make setup where it belongs."
    exit 0
fi

layer="${1:-test}"
python="$(choose_python)"
version="$(version_of "$python")"
lock="requirements/py${version/./}.txt"
if [[ "$layer" == demo ]] && is_stamped requirements "$BUILD_LOCK" "$lock" 2>/dev/null; then layer=test; fi
[[ "$layer" != demo ]] || lock="requirements/demo-py${version/./}.txt"
install_packages
make_environment
unless_stamped "$([[ "$layer" == demo ]] && echo demo || echo requirements)" install_requirements "$BUILD_LOCK" "$lock"
unless_stamped project install_project setup.cfg pyproject.toml sim/setup.cfg sim/pyproject.toml
