"""I5: a pick-up with canary codes leaves none of them in any file that station or server wrote, in any encoding."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.fakes.cards.sinks import forms
from tests.fakes.fleet.region import Region, answers

OLD_PIN, NEW_PIN, WRONG_PUK = "90817263", "71625348", "60514233"


def files(*folders: Path) -> Iterator[Path]:
    """Every file below, but the virtual cards' own memories, which hold their codes as chips do."""
    for folder in folders:
        yield from (path for path in folder.rglob("*") if path.is_file())


@pytest.mark.broker
def test_no_code_in_any_sink(tmp_path: Path) -> None:
    """Wrong PUK, right PUK, new PIN, signature; then every byte that was written is searched."""
    region = Region(tmp_path / "region")
    puk = person(6).new.puk
    with region.serve():
        _change_old_pin(region)
        path = answers(region.cards, 6, puk=puk, old_pin=OLD_PIN, new_pin=NEW_PIN)
        text = path.read_text().replace(
            f'value = "{puk}"',
            f'value = "{WRONG_PUK}"\n\n[[answer]]\nview = "pickup.puk_wrong"\nvalue = "{puk}"',
        )
        path.write_text(text)
        code, lines, said = region.walk(path)
        assert code == 0, said
    sinks = list(files(region.places.fleet_data, region.places.config.parent))
    sinks.append(region.places.folder / "server.log")
    assert len(sinks) > 5
    said_bytes = (str(lines) + said).encode()
    for name, code_ in (("old PIN", OLD_PIN), ("PUK", puk), ("new PIN", NEW_PIN), ("wrong PUK", WRONG_PUK)):
        for form, needle in forms(code_).items():
            assert needle not in said_bytes, f"{name} as {form} in what the walk printed"
            for sink in sinks:
                assert needle not in sink.read_bytes(), f"{name} as {form} in {sink.name}"


def _change_old_pin(region: Region) -> None:
    """Give person 6's old card a canary PIN, through the card's own command."""
    authority = TestAuthority.load_or_create(Path(region.environment["KORTKIOSK_TEST_AUTHORITY"]), datetime.now(UTC))
    card = VirtualCard.create(person(6).old, authority, datetime.now(UTC), path=region.cards / "old-6.json")
    card.power_on()
    aid = bytes.fromhex("A000000063504B43532D3135")
    card.transmit(bytes([0x00, 0xA4, 0x04, 0x00, len(aid)]) + aid)
    old, new = person(6).old.pin.encode().ljust(8, b"\xff"), OLD_PIN.encode()
    assert card.transmit(bytes([0x00, 0x24, 0x00, 0x01, 16]) + old + new) == b"\x90\x00"


def test_the_scan_would_find_a_code() -> None:
    """The searcher itself: each form is found where it lies inside other bytes."""
    code = "90817263"
    haystacks = (
        code.encode(), base64.b64encode(b"x" + code.encode() + b"yz"), base64.b64encode(b"xy" + code.encode()),
        base64.b64encode(code.encode()), bytes.fromhex(code), code.encode().hex().encode(),
    )  # fmt: skip
    for haystack in haystacks:
        assert any(needle in haystack for needle in forms(code).values()), haystack
