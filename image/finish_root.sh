#!/bin/sh
# What mmdebstrap does last in a root: hand out kernels, initial RAM disks and the list of packages, and take out what only made them.
# Where there are two kernels, the files of the newer one are named `-newer`.
# finish_root.sh ROOT OUTPUT PACKAGE...
set -eu

root=$1
output=$2
shift 2

newer=
for version in $(find "$root/usr/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort --version-sort); do
    kernel=$root/boot/vmlinuz-$version
    [ -e "$kernel" ] || kernel=$root/usr/lib/modules/$version/vmlinuz
    chroot "$root" dracut --quiet /boot/initrd "$version"
    printf '%s\n' "$version" >"$output/kernel-version$newer"
    cp "$kernel" "$output/vmlinuz$newer"
    cpio --quiet --list <"$root/boot/initrd" | grep '\.ko' >"$output/initrd-modules$newer"
    cp "$root/usr/lib/modules/$version/modules.alias" "$output/modules.alias$newer"
    zstd --quiet -15 --force "$root/boot/initrd" -o "$output/initrd$newer" # here: an emulated processor takes minutes for it
    rm "$root/boot/initrd"
    find "$root/usr/lib/modules/$version/kernel" -name '*.ko*' -printf '/%P\n' | sort >"$output/modules$newer"
    trees=$root/usr/lib/linux-image-$version # on a PC there are none
    [ ! -d "$trees" ] || cp --recursive --dereference "$trees/broadcom" "$output/dtb$newer"
    rm -rf "$trees" "$root/usr/lib/modules/$version/dtb"
    rm -f "$root/usr/lib/modules/$version/vmlinuz"
    newer=-newer
done
microcode=$root/usr/lib/firmware
if [ -d "$microcode/intel-ucode" ]; then # of a PC: the kernel reads it before it unpacks anything, and the root needs it no more
    mkdir -p "$output/early/kernel/x86/microcode"
    cat "$microcode"/intel-ucode/* >"$output/early/kernel/x86/microcode/GenuineIntel.bin"
    cat "$microcode"/amd-ucode/*.bin >"$output/early/kernel/x86/microcode/AuthenticAMD.bin"
    find "$output/early" -exec touch --reference="$root/usr/lib/os-release" {} + # the same at each build
    (cd "$output/early" && find kernel | sort | cpio --quiet --create --format=newc --reproducible --owner=+0:+0) >"$output/microcode.cpio"
    rm -r "$output/early" "$microcode/intel-ucode" "$microcode/amd-ucode"
fi
chroot "$root" dpkg --purge --force-depends "$@" >/dev/null 2>&1
rm -rf "$root"/boot/* "$root"/vmlinuz* "$root"/initrd.img* "$root"/etc/dracut.conf.d "$root"/var/lib/dracut
cp "$root/etc/os-release" "$output/os-release"
mkdir "$output/dpkg"
cp "$root/var/lib/dpkg/status" "$output/dpkg/status"
if [ -e "$output/firmware/status" ]; then # of the boot partitions, and of the bill too
    cat "$output/firmware/status" >>"$output/dpkg/status"
fi
dpkg-query --admindir="$output/dpkg" --show --showformat '${Package} ${Version}\n' | LC_ALL=C sort >"$output/packages.txt"
