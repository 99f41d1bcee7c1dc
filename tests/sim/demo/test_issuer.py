"""The made-up issuer of the demo: what its files say is what the simulator takes, and a block revokes what a card came with."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
from cryptography import x509

from fleet.messages.asking import BlockedResult
from fleet.server.issuers.card_keys import CardKeys
from fleet.server.issuers.certificate_offers import OfferRules
from sim.demo.issuer import issuer_files, tell_certificates
from sim.issuer import register
from sim.issuer.authority import CertificateHierarchy
from sim.issuer.core import Simulator
from sim.issuer.database import IssuerDatabase, Seed
from sim.issuer.request_bodies import Block
from sim.stories.room import authority, make_card, persona_of

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_a_block_in_the_demo_revokes_what_the_card_came_with(tmp_path: Path) -> None:
    authority().save(tmp_path / "ca")
    issuer_files(tmp_path, tmp_path / "ca", NOW, "order\n")
    card = make_card(persona_of("1:old"))
    tell_certificates(tmp_path, [card])
    seed = msgspec.json.decode((tmp_path / "seed.json").read_bytes(), type=Seed)
    assert (len(seed.people), len(seed.cards), seed.orders) == (14, 26, "order\n")
    assert [one.name for one in seed.people if one.protected] == [None]
    state = IssuerDatabase.open(tmp_path / "issuer.sqlite")
    simulator = Simulator(state, CertificateHierarchy.load_or_create(tmp_path / "ca", NOW), OfferRules(), lambda: NOW)
    simulator.fill(seed)
    number, wanted = card.persona.card_number, "2026-03-02T12:00:00Z"
    with state.change() as cx:
        body = Block(reason="lost", by=card.persona.hsa_id, wanted=wanted)
        assert register.block(cx, register.ChangeRequest(number, "1", NOW), body) == BlockedResult(wanted)
    listed = x509.load_der_x509_crl(simulator.crl(3))
    serials = {key.certificate.serial_number for key in card.keys}
    assert {entry.serial_number for entry in listed} == serials
    state.close()


def test_the_makers_key_answers_for_both_kinds_of_piv_cards(tmp_path: Path) -> None:
    authority().save(tmp_path / "ca")
    issuer_files(tmp_path, tmp_path / "ca", NOW, "")
    keys = CardKeys.load(tmp_path / "card-keys.json")
    assert keys.answer("management", "9999", "3DES", bytes(8)) is not None
    assert keys.answer("management", "9999", "AES-192", bytes(16)) is not None
    assert (tmp_path / "card-keys.json").stat().st_mode & 0o077 == 0


def test_each_card_that_has_a_key_of_its_own_is_answered_by_that_key_alone(tmp_path: Path) -> None:
    """As an issuer has them: the right answer at the first try, and none for a card of another serial number."""
    authority().save(tmp_path / "ca")
    issuer_files(tmp_path, tmp_path / "ca", NOW, "")
    keys = CardKeys.load(tmp_path / "card-keys.json")
    for card in (make_card(persona_of(name)) for name in ("1:old", "1:new", "13:new")):
        card.power_on()
        number, serial = card.persona.card_number, card.persona.serial
        challenge = card.transmit(bytes.fromhex("0084000010"))[:16]
        answer = keys.answer("unblock", number, None, challenge, serial)
        assert answer is not None
        assert card.transmit(bytes.fromhex("0082000010") + answer) == b"\x90\x00", number
        assert keys.answer("unblock", number, None, challenge, "00") is None
    assert keys.answer("unblock", "9999", None, bytes(16)) is None
