#!/bin/sh
# What a root needs before it becomes a read-only file system: users, nothing that waits for a person, nothing that differs from
# build to build. The appliance's own files are there already.
# finish_tree.sh TREE
set -eu

tree=$1
inside() { chroot "$tree" "$@"; }

inside systemd-sysusers kortkiosk.conf
inside passwd --quiet --lock root
mkdir -p "$tree/data"
printf '/opt/kortkiosk/site\n' >"$tree/usr/lib/python3/dist-packages/kortkiosk.pth"

# Nothing asks for a first-boot answer, and packages come with images alone.
for unit in emergency.service rescue.service systemd-firstboot.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer; do
    ln -sf /dev/null "$tree/etc/systemd/system/$unit"
done

# Receipts and screens have the local time. A name server's address comes with the network; the machine's identifier is made at each start.
ln -sf /run/NetworkManager/resolv.conf "$tree/etc/resolv.conf"
ln -sf ../usr/share/zoneinfo/Europe/Stockholm "$tree/etc/localtime"
: >"$tree/etc/machine-id"
rm -rf "$tree"/var/cache/* "$tree"/var/log/* "$tree"/var/lib/apt/lists/* "$tree"/tmp/* "$tree"/var/lib/dbus/machine-id \
    "$tree"/etc/*- "$tree"/var/lib/systemd/random-seed

# Debian's compiled modules are believed by the time of their source, which all files of an image share.
find "$tree/usr/lib/python3" "$tree/usr/lib/python3.13" "$tree/usr/share" -name __pycache__ -type d -prune -exec rm -rf {} +
# Compiled by this machine's Python, which is of the same version: an emulated one takes minutes.
PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode unchecked-hash -s "$tree" -p / \
    "$tree/usr/lib/python3.13" "$tree/usr/lib/python3/dist-packages" || true
