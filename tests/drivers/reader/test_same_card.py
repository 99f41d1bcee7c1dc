"""What tells one PKCS#15 card from another (its holder's own certificate, never an authority's), and one PUK from another."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.card_cache import CardCaches
from drivers.reader.card_reader import open_session
from drivers.reader.errors import CardChangedError
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.channel import ApduChannel
from sim.reader.cards import VirtualCard
from sim.reader.der import constructed, octets, sequence, tlv, utf8
from sim.reader.file_system import CardFile
from sim.reader.odd import OddCard, odd_card
from sim.reader.odd.oddity import CertificateValue, draw
from sim.reader.pkcs15_files import DF_PKCS15, EF_AODF, EF_CDF, EF_TOKENINFO, MF_ID, code_object, look_b, token_info
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import NOW

IRREVERSIBLE = ("CHANGE REFERENCE DATA", "RESET RETRY COUNTER")
AUTHORITY_FILE = 0x4370
SEED = 0
MakeCard = Callable[..., VirtualCard]


class Changing:
    """A reader that goes on with another card on the same connection, as no honest reader does."""

    def __init__(self, first: VirtualCard, second: VirtualCard) -> None:
        self.atr, self.protocol = first.power_on(), first.protocol
        self.now = first
        self._second = second
        second.power_on()

    def swap(self) -> None:
        self.now = self._second

    def transmit(self, apdu: bytes) -> bytes:
        return self.now.transmit(apdu)

    def close(self) -> None:
        """Nothing to let go."""


def change_after_swap(first: VirtualCard, second: VirtualCard) -> None:
    """Identify the first, swap, change the PIN."""
    connection = Changing(first, second)
    session = open_session(ApduChannel(connection), profiles=builtin(), ledger=MemoryLedger())
    connection.swap()
    session.change(Role.IDENTIFICATION, Secret(first.persona.pin), Secret("975318"), consented=False)


def untouched(card: VirtualCard) -> bool:
    return not [entry for entry in card.log if entry.ins in IRREVERSIBLE]


def files_of(card: VirtualCard) -> dict[int, CardFile]:
    """The files of its application, to be changed under it."""
    return card.application.files.application.children  # type: ignore[attr-defined, no-any-return]


def with_authority_first(card: VirtualCard, authority: TestAuthority, *, marked: bool) -> VirtualCard:
    """The same card with its issuer's certificate in front of its own, and a serial number that says nothing."""
    files = files_of(card)
    flag = tlv(0x01, b"\xff") if marked else b""
    path = octets(b"".join(number.to_bytes(2, "big") for number in (MF_ID, DF_PKCS15, AUTHORITY_FILE)))
    entry = sequence(
        sequence(utf8("Issuer")), sequence(octets(b"\x70"), flag), constructed(1, sequence(sequence(path)))
    )
    files[EF_CDF].content = entry + files[EF_CDF].content
    files[EF_TOKENINFO].content = token_info(bytes(2))
    files[AUTHORITY_FILE] = CardFile(AUTHORITY_FILE, authority.intermediates()[0].public_bytes(Encoding.DER))
    return card


@pytest.mark.parametrize("marked", [True, False])
def test_an_authoritys_certificate_that_comes_first_tells_no_card_from_another(
    make_card: MakeCard, authority: TestAuthority, marked: bool
) -> None:
    first, second = (with_authority_first(make_card(order), authority, marked=marked) for order in (6, 8))
    with pytest.raises(CardChangedError):
        change_after_swap(first, second)
    assert untouched(second)


def test_nor_is_a_card_remembered_by_one(make_card: MakeCard, authority: TestAuthority) -> None:
    memories = CardCaches()
    names = []
    for order in (6, 8):
        card = with_authority_first(make_card(order), authority, marked=False)
        session = open_session(
            ApduChannel(Changing(card, card)), profiles=builtin(), ledger=MemoryLedger(), memories=memories
        )
        names.append(session.facts.holder.name == card.persona.name)
    assert names == [True, True]


def odd(seed: int, authority: TestAuthority, value: CertificateValue, *, serial: bool) -> OddCard:
    """Cards of several seeds that differ in nothing but whose they are."""
    ways = replace(draw(SEED), certificate=value, with_serial=serial, records=False, entry="path")
    return odd_card(seed, authority, NOW, oddity=ways)


@pytest.mark.parametrize("value", ["file", "slice", "direct", "direct-explicit"])
def test_a_certificate_tells_wherever_it_is(authority: TestAuthority, value: CertificateValue) -> None:
    first, second = (odd(seed, authority, value, serial=False) for seed in (1, 2))
    with pytest.raises(CardChangedError):
        change_after_swap(first, second)
    assert untouched(second)
    same = odd(1, authority, value, serial=False)
    session = open_session(ApduChannel(Changing(same, same)), profiles=builtin(), ledger=MemoryLedger())
    changed = session.change(Role.IDENTIFICATION, Secret(same.persona.pin), Secret("975318"), consented=False)
    assert isinstance(changed, Accepted)


@pytest.mark.parametrize(("serial", "told"), [(b"", False), (b"\0\0", False), (b"0000", False), (b"\x12\x34", True)])
def test_without_a_certificate_only_a_serial_number_of_its_own_tells(
    make_card: MakeCard, serial: bytes, told: bool
) -> None:
    card = make_card()
    files = files_of(card)
    files[EF_CDF].content = bytes(32)
    files[EF_TOKENINFO].content = token_info(serial)
    session = open_session(ApduChannel(Changing(card, card)), profiles=builtin(), ledger=MemoryLedger())
    changing = (Role.IDENTIFICATION, Secret(card.persona.pin), Secret("975318"))
    if told:
        assert isinstance(session.change(*changing, consented=False), Accepted)
    else:
        with pytest.raises(CardChangedError):
            session.change(*changing, consented=False)
        assert untouched(card)


@pytest.mark.parametrize(("named", "may"), [(b"\x02", True), (b"", True), (b"\x09", False)])
def test_a_pin_that_names_a_puk_is_unlocked_with_no_other(make_card: MakeCard, named: bytes, may: bool) -> None:
    card, look = make_card(), look_b(two_pins=False)
    pin, puk = look.codes
    files_of(card)[EF_AODF].content = code_object(replace(pin, puk=named), look) + code_object(puk, look)
    session = open_session(ApduChannel(Changing(card, card)), profiles=builtin(), ledger=MemoryLedger())
    outcome = session.unblock(Role.IDENTIFICATION, Secret(card.persona.puk), Secret("975318"))
    assert outcome == (Accepted() if may else Refused(RefusalReason.NOT_ALLOWED))
    assert untouched(card) != may
