#!/usr/bin/env bash
# Build the cabinet's firmware for the Raspberry Pi Pico: build/firmware/kortkiosk-cabinet.uf2, with our modules frozen in.
#
# Everything comes from Debian: the compiler and the Pico SDK as packages, MicroPython as a source package, to which
# drivers/cabinet/firmware/board/edit-micropython.sh makes a few edits. The same sources give the same bytes.
#
# Options: --keep puts the image into drivers/cabinet/firmware/prebuilt, whence tests and `kortkiosk-provision flash` take it.
# Exit codes: 0 done; 2 something is missing that only a person can install (the line to run is printed).
set -euo pipefail

cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
readonly PACKAGES=scripts/firmware-packages.txt
readonly FIRMWARE="$PWD/drivers/cabinet/firmware"
readonly WORK="$PWD/build/firmware"
readonly IMAGE="$WORK/kortkiosk-cabinet.uf2"
readonly -a IMAGE_TOOL=(.venv/bin/python -m drivers.cabinet.firmware_image)
readonly -a PARTS=(gcc-arm-none-eabi libnewlib-arm-none-eabi pico-sdk-source tinyusb-source)

say() { printf '==> %s\n' "$*"; }

give_up() {
    printf '%s\n' "firmware: $1" "${@:2}" >&2
    exit 2
}

# Run a step quietly; if it fails, show the end of what it said.
quietly() {
    local log="$WORK/$1.log"
    "${@:2}" >"$log" 2>&1 || give_up "this step failed: $1. The end of $log:" "$(tail -n 30 "$log" | cut -c -300)"
}

apt_here() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" </dev/null
}

install_packages() {
    local -a wanted missing
    command -v dpkg-query >/dev/null || give_up "the build needs Debian's packages; $PACKAGES names them."
    mapfile -t wanted < <(sed -n 's/^\([a-z][^ ]*\).*/\1/p' "$PACKAGES")
    mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
            sed -n 's/^installed //p' | sort -u))
    ((${#missing[@]})) || return 0
    ((EUID == 0)) || give_up "${#missing[@]} Debian packages are missing. Run this line, then make firmware again:" "" \
        "  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
    say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
    quietly update apt_here update
    quietly install apt_here install --yes --no-install-recommends "${missing[@]}"
}

# Debian's source package, by the mirror and the keys that apt is configured with, whether or not it knows of sources.
# The lists are kept here, so that neither the system's are touched nor root is needed.
fetch_source() {
    local file
    local -a options=(-o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$WORK/apt/sources.d"
        -o "Dir::State::lists=$WORK/apt/lists" -o APT::Sandbox::User=)
    ls -d "$WORK"/source/micropython-*/ >/dev/null 2>&1 && return
    say "Fetching MicroPython's source package"
    mkdir -p "$WORK/apt/sources.d" "$WORK/apt/lists/partial" "$WORK/source"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
        [[ "$file" == *.sources || "$file" == *.list ]] && [[ -s "$file" ]] || continue
        sed -e 's/^Types:.*/Types: deb-src/' -e 's/^deb /deb-src /' "$file" >"$WORK/apt/sources.d/${file##*/}"
    done
    quietly sources apt_here "${options[@]}" update
    (cd "$WORK/source" && quietly source apt_here "${options[@]}" --only-source source micropython)
}

# Where MicroPython's require() looks: Debian's part of micropython-lib, and our own modules of the same interface.
prepare_library() {
    local module
    export MICROPY_LIB="$WORK/library"
    rm -rf "$MICROPY_LIB"
    cp -a "$WORK/tree/lib/micropython-lib" "$MICROPY_LIB"
    : >"$MICROPY_LIB/README.md"
    for module in "$FIRMWARE"/fallback/*.py; do
        mkdir -p "$MICROPY_LIB/python-stdlib/$(basename "$module" .py)"
        cp "$module" "$MICROPY_LIB/python-stdlib/$(basename "$module" .py)/"
        printf 'module("%s")\n' "$(basename "$module")" >"$MICROPY_LIB/python-stdlib/$(basename "$module" .py)/manifest.py"
    done
}

# A copy of the source, edited; a fresh one where edits, board or packages have changed, so that otherwise only what is
# frozen is built anew. Times and names that compilers write into images are those of the source.
prepare_tree() {
    local made_from
    made_from="$(sha256sum "$FIRMWARE"/board/*; dpkg-query -W "${PARTS[@]}"; echo "$WORK"/source/micropython-*/)"
    if [[ ! -f "$WORK/tree-made-from" || "$(<"$WORK/tree-made-from")" != "$made_from" ]]; then
        rm -rf "$WORK/tree" "$WORK/out" "$WORK/tree-made-from"
        cp -a "$WORK"/source/micropython-*/ "$WORK/tree"
        "$FIRMWARE/board/edit-micropython.sh" "$WORK/tree"
        printf '%s\n' "$made_from" >"$WORK/tree-made-from"
    fi
    micropython="$(dpkg-parsechangelog -l "$WORK/tree/debian/changelog" -S Version)"
    SOURCE_DATE_EPOCH="$(dpkg-parsechangelog -l "$WORK/tree/debian/changelog" -S Timestamp)"
    export SOURCE_DATE_EPOCH MICROPY_GIT_TAG="v$micropython" MICROPY_GIT_HASH=debian LC_ALL=C.UTF-8
}

build() {
    say "Building the firmware $version with MicroPython $micropython (half a minute)"
    quietly mpy-cross make -C "$WORK/tree/mpy-cross" -j"$(nproc)"
    quietly configure cmake -S "$WORK/tree/ports/rp2" -B "$WORK/out" -G Ninja -DPICO_BUILD_DOCS=0 \
        -DPICO_SDK_PATH_OVERRIDE=/usr/src/pico-sdk -DPython3_EXECUTABLE=/usr/bin/python3 \
        -DMICROPY_BOARD=KORTKIOSK_CABINET -DMICROPY_BOARD_DIR="$FIRMWARE/board" \
        -DMICROPY_LIB_DIR="$MICROPY_LIB" -DMICROPY_FROZEN_MANIFEST="$FIRMWARE/board/manifest.py" \
        -DCABINET_VERSION="$version" -DCABINET_SOURCES="$sources"
    quietly build ninja -C "$WORK/out"
    cp "$WORK/out/firmware.uf2" "$IMAGE"
    {
        printf 'micropython %s\n' "$micropython"
        dpkg-query -W -f '${Package} ${Version}\n' "${PARTS[@]}"
    } >"$WORK/built-from.txt"
}

mkdir -p "$WORK"
install_packages
fetch_source
prepare_tree
prepare_library
version="$("${IMAGE_TOOL[@]}" version)"
sources="$("${IMAGE_TOOL[@]}" sources)"
build
if [[ "${1:-}" == --keep ]]; then
    cp "$IMAGE" "$WORK/built-from.txt" "$FIRMWARE/prebuilt/"
    say "It is kept in drivers/cabinet/firmware/prebuilt"
fi
"${IMAGE_TOOL[@]}" show "$IMAGE"
