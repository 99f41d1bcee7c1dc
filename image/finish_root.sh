#!/bin/sh
# What mmdebstrap does last in a root: hand out kernel, initial RAM disk and the list of packages, and take out what only made them.
# finish_root.sh ROOT OUTPUT PACKAGE...
set -eu

root=$1
output=$2
shift 2

for kernel in "$root"/boot/vmlinuz-*; do
    [ -e "$kernel" ] || continue
    version=${kernel##*/vmlinuz-}
    printf '%s\n' "$version" >"$output/kernel-version"
    cp "$kernel" "$output/vmlinuz"
    cp "$root/boot/initrd.img-$version" "$output/initrd"
done
chroot "$root" dpkg --purge --force-depends "$@" >/dev/null 2>&1
rm -rf "$root"/boot/* "$root"/vmlinuz* "$root"/initrd.img* "$root"/etc/dracut.conf.d "$root"/var/lib/dracut
cp "$root/etc/os-release" "$output/os-release"
chroot "$root" dpkg-query --show --showformat '${Package} ${Version}\n' | LC_ALL=C sort >"$output/packages.txt"
mkdir "$output/dpkg"
cp "$root/var/lib/dpkg/status" "$output/dpkg/status"
