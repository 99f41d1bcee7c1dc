"""The cabinet's image: what it says of itself, what is no image, and which sources it is made from."""

import struct
from pathlib import Path

import pytest

from drivers.cabinet.firmware_image import ImageError, main, read_image, source_digest, source_files

SOURCES = "0123456789abcdef" * 4
SAYS = f"kortkiosk cabinet firmware 1.2.3, sources sha256:{SOURCES}\0".encode()
FLASH = 0x10000000
RP2040, OTHER_CHIP = 0xE48BFF56, 0xE48BFF59


def block(number: int, count: int, data: bytes, *, family: int = RP2040, address: int | None = None) -> bytes:
    """One block of a UF2 file, by the format's own description."""
    where = FLASH + 256 * number if address is None else address
    head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, where, 256, number, count, family)
    return head + data.ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30)


def uf2(flash: bytes) -> bytes:
    """A UF2 file that puts these bytes at the start of the flash."""
    parts = [flash[at : at + 256] for at in range(0, len(flash), 256)]
    return b"".join(block(number, len(parts), part) for number, part in enumerate(parts))


def test_an_image_says_its_version_and_its_sources_also_across_blocks() -> None:
    image = read_image(uf2(bytes(200) + SAYS))
    assert (image.version, image.version_text, image.sources, image.flash_bytes) == ((1, 2, 3), "1.2.3", SOURCES, 512)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not a whole UF2 file"),
        (uf2(SAYS)[:-1], "not a whole UF2 file"),
        (b"\0" * 512, "block 0 of this UF2 file is damaged"),
        (uf2(bytes(200) + SAYS)[:512], "block 0 of this UF2 file is damaged"),
        (block(0, 1, SAYS, family=OTHER_CHIP), "another chip"),
        (block(0, 1, SAYS, address=FLASH + 256), "does not go on"),
        (uf2(b"somebody else's program"), "not the cabinet's firmware"),
    ],
)
def test_what_is_no_image_is_refused_by_name(content: bytes, fault: str) -> None:
    with pytest.raises(ImageError, match=fault):
        read_image(content)


def small_project(folder: Path) -> Path:
    """A firmware folder with a manifest of each kind of line; returns it."""
    firmware = folder / "drivers" / "cabinet" / "firmware"
    for name, text in {
        "board/manifest.py": 'freeze("$(PORT_DIR)/modules", ("_boot.py",))\ninclude("../manifest.py")\n',
        "board/cabinet_board.c": "int cabinet;\n",
        "manifest.py": 'metadata(version="1")\nrequire("hmac")\nmodule("main.py")\n'
        'package("drivers", ("__init__.py",), base_path="../../..")\nfreeze("logic")\n',
        "fallback/hmac.py": "",
        "main.py": "",
        "logic/door.py": "",
        "host_only.py": "",
    }.items():
        (firmware / name).parent.mkdir(parents=True, exist_ok=True)
        (firmware / name).write_text(text)
    (folder / "drivers" / "__init__.py").write_text("")
    return firmware


def test_the_sources_are_what_the_manifest_freezes_and_the_boards_own_files(tmp_path: Path) -> None:
    firmware = small_project(tmp_path)
    names = {path.relative_to(tmp_path / "drivers").as_posix() for path in source_files(firmware)}
    assert names == {"__init__.py"} | {
        f"cabinet/firmware/{name}"
        for name in (
            "board/manifest.py", "board/cabinet_board.c", "manifest.py", "fallback/hmac.py", "main.py", "logic/door.py",
        )
    }  # fmt: skip


def test_the_digest_follows_every_source_and_nothing_else(tmp_path: Path) -> None:
    firmware = small_project(tmp_path)
    before = source_digest(firmware)
    (firmware / "host_only.py").write_text("changed = True\n")
    assert source_digest(firmware) == before
    for path in source_files(firmware):
        text = path.read_text()
        path.write_text(text + "\n")
        assert source_digest(firmware) != before, path
        path.write_text(text)
    assert source_digest(firmware) == before


def test_the_tool_names_a_file_that_is_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.uf2").write_bytes(uf2(b"somebody else's program"))
    assert main(["show", str(tmp_path / "other.uf2")]) == 2
    assert capsys.readouterr().err == "other.uf2: this UF2 is not the cabinet's firmware\n"
