#!/bin/sh
# What a Raspberry Pi has beside: the kernel of backports, which knows the Pi 5's RP1; the firmware, which lies on the boot partitions
# alone; and for each kernel the module in image/module, compiled here against Debian's headers. mmdebstrap runs it, before finish_root.sh.
# add_raspberry_pi.sh ROOT OUTPUT
set -eu

root=$1
output=$2
source=$(realpath "${0%/*}/module")
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

# The headers name their place from the root; their own small programs are of the image's machine, and run emulated with the
# cross compiler's libraries. Without debugging data, which names this place too: the module is the same wherever it is made.
headers=$output/headers
for version in $(ls "$root/usr/lib/modules"); do
    mkdir -p "$headers/module"
    (cd "$headers" && apt-get -qq download "linux-headers-$version" "linux-headers-${version%-arm64}-common" "linux-kbuild-${version%-arm64}")
    for package in "$headers"/*.deb; do
        dpkg-deb --extract "$package" "$headers"
    done
    sed -i "s|/usr/src|$headers/usr/src|" "$headers/usr/src/linux-headers-$version/Makefile"
    cp "$source"/* "$headers/module"
    QEMU_LD_PREFIX=/usr/aarch64-linux-gnu make --silent -C "$headers/usr/src/linux-headers-$version" M="$headers/module" \
        CONFIG_DEBUG_INFO= CONFIG_DEBUG_INFO_BTF_MODULES= modules
    install -D --mode=644 --target-directory="$root/usr/lib/modules/$version/updates" "$headers"/module/*.ko
    depmod --basedir "$root" "$version"
    rm -r "$headers"
done
