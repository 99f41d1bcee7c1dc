#!/bin/sh
# What a Raspberry Pi has beside: the kernel of backports, which knows the Pi 5's RP1, and the firmware, which lies on the boot partitions
# alone. mmdebstrap runs it, before finish_root.sh.
# add_raspberry_pi.sh ROOT OUTPUT
set -eu

root=$1
output=$2
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"

apt-get -qq --yes -o DPkg::Chroot-Directory="$root" install linux-image-arm64/trixie-backports >/dev/null
mkdir "$output/firmware"
(cd "$output/firmware" && apt-get -qq download raspi-firmware)
dpkg-deb --extract "$output"/firmware/*.deb "$output/firmware"
{
    printf 'Status: install ok installed\n'
    dpkg-deb --field "$output"/firmware/*.deb
} >"$output/firmware/status"
rm "$output"/firmware/*.deb
