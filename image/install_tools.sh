#!/usr/bin/env bash
# Install the Debian packages that an image is built with and tried with, if one is missing; let the kernel start arm64 programs.
# install_tools.sh [amd64|arm64]: for the image of which kind of machine
# Exit codes: 0 done; 2 somebody with the right to install has to.
set -euo pipefail

cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t wanted < <(sed -E "s/#.*//; s/[[:space:]]+$//; s/^${1:-amd64}: //; /: /d; /^$/d" image/debian-packages.txt)
mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null | sed -n 's/^installed //p' | sort -u))
if ((${#missing[@]})); then
    if ((EUID != 0)); then
        printf 'image: these packages are missing; install them:\n  sudo apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
        exit 2
    fi
    printf '==> Installing %s Debian packages: %s\n' "${#missing[@]}" "${missing[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "${missing[@]}" >/dev/null
fi

# What systemd-binfmt does at a machine's start; a container has no systemd.
if [[ "${1:-amd64}" == arm64 ]] && ! arch-test arm64 >/dev/null; then
    kernel=/proc/sys/fs/binfmt_misc
    ((EUID == 0)) || { echo "image: the kernel does not start arm64 programs; as root: image/install_tools.sh arm64" >&2; exit 2; }
    [[ -e $kernel/register ]] || mount -t binfmt_misc binfmt_misc $kernel
    cat /usr/lib/binfmt.d/qemu-aarch64.conf >$kernel/register
    arch-test arm64 >/dev/null || { echo "image: the kernel does not start arm64 programs ($kernel)" >&2; exit 2; }
    echo "==> The kernel starts arm64 programs with qemu-user"
fi
