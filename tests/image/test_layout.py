"""Disk, kernel lines, lists of packages and Python's lock, as texts: what the image is made from, without making it."""

import configparser
import fnmatch
import json
import re
import shutil
import uuid
from pathlib import Path

import pytest

from image import guard, layout
from image.build import HERE, LOCK, PROJECT
from image.commands import run
from image.packages import PackagesChangedError, check_recorded, compare, entries_for
from image.python_site import SOURCE_ONLY, split_lock
from provisioning.appliance.layout import BOOT, KEYS, MACHINES, Machine
from provisioning.updates import boot_loaders

APPLIANCE = PROJECT / "provisioning/appliance/root"
ARCHITECTURES = MACHINES


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_slot_has_room_for_the_other_ones_root(architecture: str) -> None:
    parts = {part.label: part for part in layout.partitions(architecture)}
    for kind in ("root", "verity"):
        assert parts[f"{kind}-a"].mib == parts[f"{kind}-b"].mib
        assert parts[f"{kind}-a"].type == parts[f"{kind}-b"].type
        assert parts[f"{kind}-b"].image is None, "the other slot is empty until an update"
    assert list(parts)[-1] == "data", "it grows, so it is the last one"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_disk_has_one_option_a_line(architecture: str) -> None:
    text = layout.genimage_configuration(architecture)
    assert "align = 1M" in text
    for line in text.splitlines():
        assert line.count("=") <= 1


def test_a_pc_s_disk_has_identifiers_of_its_own() -> None:
    architecture, text = "amd64", layout.genimage_configuration("amd64")
    given = re.findall(r'(?:disk|partition)-uuid = "([^"]+)"', text)
    assert len(set(given)) == len(given) == 1 + len(layout.partitions(architecture))
    assert all(str(uuid.UUID(one)) == one for one in given)


@pytest.mark.skipif(not all(map(shutil.which, ("genimage", "sfdisk"))), reason="genimage or fdisk is not installed")
def test_a_pi_s_disk_is_an_mbr_whose_partitions_lie_where_their_names_lead(tmp_path: Path) -> None:
    """The firmware that Debian has for the Pi 4 loses its kernel where the first entry is a GPT's (rpi-eeprom#654, #668)."""
    lines = layout.genimage_configuration("arm64").splitlines()
    (tmp_path / "cfg").write_text("\n".join(line for line in lines if "image = " not in line))
    run("genimage", "--config", tmp_path / "cfg", "--rootpath", tmp_path, "--tmppath", tmp_path / "tmp",
        "--inputpath", tmp_path, "--outputpath", tmp_path)  # fmt: skip
    table = json.loads(run("sfdisk", "--json", tmp_path / "kortkiosk-arm64.img"))["partitiontable"]
    assert table["label"] == "dos"
    assert table["id"] == f"0x{layout.MBR_ID}"
    starts = {re.sub(r".*\.img", "", row["node"]): row["start"] * 512 for row in table["partitions"]}
    for part in layout.partitions("arm64"):
        assert starts[str(int(layout.partition_path(part.label, "arm64")[-2:], 16))] == layout.offset_of(
            part.label, "arm64"
        )
    assert [row["type"] for row in table["partitions"]] == ["c", "c", "c", "f", *["83"] * 5]


def test_a_pi_s_partitions_have_the_names_of_a_pc_s_by_their_numbers() -> None:
    names = dict(re.findall(r'=="(\S+)", SYMLINK\+="disk/by-partlabel/(\S+)"', layout.partition_rules()))
    assert names[f"{layout.MBR_ID}-02"] == "boot-a"
    assert names[f"{layout.MBR_ID}-09"] == "data"
    assert set(names.values()) == {part.label for part in layout.partitions("arm64")}
    words = layout.kernel_line("b", "00", "arm64").split()
    uuid_b = next(key for key, label in names.items() if label == "root-b")
    assert f"systemd.verity_root_data=/dev/disk/by-partuuid/{uuid_b}" in words
    assert not any("by-partlabel" in word for word in words), "the initial RAM disk does not know the names"


@pytest.mark.parametrize("slot", layout.SLOTS)
def test_a_kernel_line_names_its_own_slot_and_no_other(slot: layout.Slot) -> None:
    words = layout.kernel_line(slot, "00" * 32).split()
    other = "b" if slot == "a" else "a"
    assert f"systemd.verity_root_data=/dev/disk/by-partlabel/root-{slot}" in words
    assert f"systemd.verity_root_hash=/dev/disk/by-partlabel/verity-{slot}" in words
    assert not any(word.endswith((f"-{other}", f"={other.upper()}")) for word in words)
    assert "roothash=" + "00" * 32 in words


def test_a_root_that_was_changed_is_left_to_the_guard_without_a_shell() -> None:
    words = layout.kernel_line("a", "00" * 32).split()
    assert {"rd.shell=0", "rd.emergency=reboot", "ro"} <= set(words)
    assert not any("panic-on-corruption" in word for word in words), "the guard could not say anything any more"


def test_a_kernel_that_is_at_fault_starts_anew() -> None:
    words = layout.kernel_line("a", "00" * 32).split()
    assert any(re.fullmatch(r"panic=[1-9]\d*", word) for word in words), "by itself"
    assert "oops=panic" in words, "also after a fault that takes only one process with it"


def test_the_slots_have_the_names_that_the_slot_program_knows() -> None:
    assert [boot_loaders.IMAGES[slot] for slot in boot_loaders.Slot] == [
        f"kortkiosk-{slot}.efi" for slot in layout.SLOTS
    ]
    assert [f"rauc.slot={slot.value}" for slot in boot_loaders.Slot] == [
        word for slot in layout.SLOTS for word in layout.kernel_line(slot, "").split() if word.startswith("rauc.slot")
    ]


def test_a_partition_begins_where_those_before_it_end() -> None:
    assert layout.offset_of("esp", "amd64") == layout.MIB
    assert layout.offset_of("root-a", "amd64") == (1 + layout.ESP_MIB) * layout.MIB
    with pytest.raises(StopIteration):
        layout.offset_of("swap", "amd64")


def test_a_list_of_packages_is_read_by_kind_of_machine() -> None:
    text = "# why\n\namd64: linux-image-amd64  # the kernel\nzstd\narm64: linux-image-arm64\n"
    assert entries_for(text, "amd64") == ["linux-image-amd64", "zstd"]
    assert entries_for(text, "arm64") == ["zstd", "linux-image-arm64"]


@pytest.mark.parametrize("name", ["root-packages.txt", "debian-packages.txt"])
def test_each_package_is_named_once_and_says_why(name: str) -> None:
    lines = [line for line in (HERE / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    names = [line.split("#")[0].strip() for line in lines]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"(amd64: |arm64: )?[a-z0-9][a-z0-9+.-]+ +# \S.*", line) for line in lines)


def test_a_root_has_neither_a_compiler_nor_a_way_in() -> None:
    names = set(entries_for((HERE / "root-packages.txt").read_text("utf-8"), "amd64"))
    assert not names & {"gcc", "openssh-server", "sudo", "xorg", "python3-pip", "login", "curl"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_root_has_the_group_of_the_tpm_which_the_station_s_unit_names(architecture: Machine) -> None:
    assert "tpm-udev" in (HERE / f"recorded/{architecture}.txt").read_text("utf-8").split()


def test_packages_that_changed_are_told_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compare("a 1\nb 2\n", "a 1\nb 3\nc 1\n") == [
        "b: recorded 2, installed 3",
        "c: recorded not there, installed 1",
    ]
    monkeypatch.setattr("image.packages.HERE", tmp_path)
    with pytest.raises(PackagesChangedError, match="a: recorded not there, installed 1"):
        check_recorded("amd64", "a 1\n", accept=False)
    check_recorded("amd64", "a 1\n", accept=True)
    check_recorded("amd64", "a 1\n", accept=False)
    with pytest.raises(PackagesChangedError, match="a: recorded 1, installed 2"):
        check_recorded("amd64", "a 2\n", accept=False)


def test_what_has_no_wheel_is_compiled_and_all_else_is_not() -> None:
    wheels, sources = split_lock(LOCK.read_text("utf-8"))
    assert sorted(re.findall(r"(?m)^([\w.-]+)==", sources)) == list(SOURCE_ONLY)
    assert not set(SOURCE_ONLY) & set(re.findall(r"(?m)^([\w.-]+)==", wheels))
    count = len(re.findall(r"(?m)^[\w.-]+==", LOCK.read_text("utf-8")))
    assert len(re.findall(r"(?m)^[\w.-]+==", wheels)) == count - len(SOURCE_ONLY)


def test_no_source_of_packages_but_debian() -> None:
    lines = (HERE / "sources.list").read_text("utf-8").splitlines()
    assert all(
        "signed-by=/usr/share/keyrings/debian-archive-keyring" in line and "//deb.debian.org/" in line for line in lines
    )


def test_a_pc_takes_nothing_but_debian_s_main_part_and_its_firmware() -> None:
    rows = entries_for((HERE / "sources.list").read_text("utf-8"), "amd64")
    assert sorted(row.split()[-2:] for row in rows) == [
        ["trixie", "main"],
        ["trixie", "non-free-firmware"],
        ["trixie-security", "main"],
        ["trixie-security", "non-free-firmware"],
        ["trixie-updates", "main"],
    ]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_boot_folder_is_the_first_partition_at_the_path_that_the_station_knows(architecture: Machine) -> None:
    table = layout.fstab((HERE / "root/etc/fstab").read_text("utf-8"), architecture)
    rows = [line.split() for line in table.splitlines() if not line.startswith("#")]
    assert {row[1] for row in rows} == {"/var", "/tmp", "/data", layout.BOOT_FOLDER[architecture]}
    first = layout.partitions(architecture)[0].label
    assert [row[0] for row in rows if row[2] == "vfat"] == [f"/dev/disk/by-partlabel/{first}"]
    assert KEYS[architecture] == f"{layout.BOOT_FOLDER[architecture]}/kortkiosk"


def test_a_pi_s_firmware_finds_its_slots_by_their_numbers() -> None:
    labels = [part.label for part in layout.partitions("arm64")]
    assert {labels.index(f"boot-{slot.lower()}") + 1: slot for slot in boot_loaders.Slot} == {
        number: slot for slot, number in boot_loaders.PARTITIONS.items()
    }
    assert [f"/dev/disk/by-partlabel/boot-{slot}" for slot in layout.SLOTS] == list(BOOT["arm64"].values())


def test_what_is_set_up_of_the_network_is_kept_where_a_station_may_write() -> None:
    settings = configparser.ConfigParser()
    settings.read(HERE / "root/etc/NetworkManager/conf.d/kortkiosk.conf", "utf-8")
    folder = settings["keyfile"]["path"]
    folders = (APPLIANCE / "usr/lib/kortkiosk/data-folders.conf").read_text("utf-8").splitlines()
    assert folder.startswith("/data/"), "the root takes nothing"
    assert f"d {folder} 0700 root root -" in folders, "NetworkManager believes its own files alone"
    ordering = (APPLIANCE / "usr/lib/systemd/system/NetworkManager.service.d/kortkiosk.conf").read_text("utf-8")
    assert "After=kortkiosk-data.service" in ordering.splitlines()


@pytest.mark.skipif(
    shutil.which("x86_64-linux-gnu-gcc") is None or shutil.which("cpio") is None, reason="no compiler or cpio"
)
def test_the_guard_comes_as_files_of_root_with_one_time(tmp_path: Path) -> None:
    archive = guard.make_archive("amd64", tmp_path, 1764374400)
    listed = run("cpio", "--quiet", "--list", "--verbose", "--numeric-uid-gid", f"--file={archive}", env={"TZ": "UTC"})
    rows = [line.split() for line in listed.splitlines()]
    assert {tuple(row[2:4]) for row in rows} == {("0", "0")}
    assert {row[8] for row in rows if row[0].startswith("-")} == {
        guard.PROGRAM,
        guard.COUNTER,
        f"{guard.UNITS}/{guard.UNIT}",
    }
    assert guard.make_archive("amd64", tmp_path / "again", 1764374400).read_bytes() == archive.read_bytes()


RULES = HERE / "initrd/usr/lib/udev/rules.d/71-kortkiosk-disk.rules"


@pytest.mark.parametrize(("interfaces", "let_in"), [
    (":080650:", True), (":080650:080662:", True), (":090000:", True), (":090001:090002:", True),
    (":080650:030101:", False), (":030101:080650:", False), (":0b0000:", False), ("", False),
])  # fmt: skip
def test_an_initial_ram_disk_lets_in_storage_and_hubs_and_nothing_besides(interfaces: str, let_in: bool) -> None:
    """As udev has them: class, subclass and protocol of each interface."""
    (pattern,) = re.findall(r'ENV\{ID_USB_INTERFACES\}=="([^"]+)".*ATTR\{authorized\}="1"', RULES.read_text("utf-8"))
    assert any(fnmatch.fnmatchcase(interfaces, part) for part in pattern.split("|")) is let_in


def test_names_of_partitions_are_the_started_disk_s_before_and_after_the_root_is_there() -> None:
    rules = [
        path.read_text("utf-8").splitlines()[-1] for path in (RULES, APPLIANCE / "usr/lib/udev/rules.d" / RULES.name)
    ]
    assert rules[0] == rules[1]
    assert "SYMLINK-=" in rules[0]


def test_a_disk_that_an_installer_writes_is_the_disk_as_it_is_flashed() -> None:
    files = layout.install_definitions("amd64")
    assert sorted(files) == list(files)
    parts = layout.partitions("amd64")
    assert [re.findall("(?m)^Label=(.+)$", text) for text in files.values()] == [[part.label] for part in parts]
    copied = [part.label for part, text in zip(parts, files.values(), strict=True) if "CopyBlocks=" in text]
    assert copied == [part.label for part in parts if part.label != "data"]
