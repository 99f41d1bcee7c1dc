"""The referee on traits of files: OpenSC's tools, through PC/SC and vpcd, read the cards that they can drive."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from sim.reader import card_factory
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN
from sim.reader.pki import TestAuthority
from tests.sim.reader.referee import Tool, in_reader, runner

pytestmark = [
    pytest.mark.pcsc,
    pytest.mark.skipif(not Path("/usr/bin/pkcs15-tool").exists(), reason="OpenSC is not installed"),
]
MYEID = ("padded-files", "no-sfi", "batch-serial", "trusted-list", "no-puk-object")


@pytest.fixture
def opensc(tmp_path: Path, pcscd: dict[int, str]) -> Tool:
    return runner(tmp_path)


@pytest.mark.parametrize(
    ("kind", "traits"),
    [
        ("A", ("padded-ff", "no-sfi-6a82", "no-serial")),
        ("B", MYEID),
        ("B", ("padded-ff", "no-sfi-6a82", "short-answers")),
        ("C", ("t0", "batch-serial")),
        ("D", ("t0", "no-serial")),
    ],
)
def test_the_tools_read_the_card_and_verify_its_pin(
    make_card: Callable[..., VirtualCard], authority: TestAuthority, now: datetime, opensc: Tool,
    kind: str, traits: tuple[str, ...],
) -> None:  # fmt: skip
    made = make_card(kind=kind).memory
    card = VirtualCard(card_factory.fresh_memory(kind, made.persona, authority, now, made.keys, traits))
    with in_reader(card):
        dump = opensc("pkcs15-tool", "--dump")
        verified = opensc("pkcs15-tool", "--verify-pin", "--pin", PIN)
    assert dump.returncode == 0, dump.stderr
    assert dump.stdout.count("X.509 Certificate [") >= 2
    assert verified.returncode == 0, verified.stderr
