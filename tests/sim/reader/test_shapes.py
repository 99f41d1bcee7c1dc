"""Cards with more than one pair of certificates: what a reader finds on them, and what their file keeps."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from drivers.reader.certificates.identity import looks_personal
from kiosk.barcodes import luhn
from sim.reader.cards import VirtualCard
from sim.reader.personas import people, person
from sim.reader.pki import TestAuthority
from sim.reader.shapes import SHAPES, personal_number
from sim.stories.card_contents import held
from sim.stories.clock import NOW
from sim.stories.room import authority, keys_of, make_card, persona_of

CURVES = [name for name, shape in SHAPES.items() if shape.algorithm is None]


def shaped(shape: str, kind: str = "B") -> VirtualCard:
    return make_card(replace(persona_of("6:new"), shape=shape), kind)


def named(card: VirtualCard) -> list[str]:
    """The subject's serialNumber of each certificate that a reader finds, in the card's order; empty for an authority's."""
    certificates = map(x509.load_der_x509_certificate, held(card))
    numbers = (one.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER) for one in certificates)
    return [str(number[0].value) if number else "" for number in numbers]


def test_a_personal_number_looks_like_one_and_is_nobodys() -> None:
    numbers = {personal_number(someone.new) for someone in people()}
    assert len(numbers) == len(people())
    assert all(looks_personal(number) and not luhn(number[2:]) for number in numbers)
    assert all(personal_number(someone.new) == personal_number(someone.old) for someone in people())


def test_the_pairs_lie_on_the_card_in_the_order_of_its_shape() -> None:
    hsa_id, number = person(6).hsa_id, personal_number(person(6).new)
    assert named(shaped("siths")) == [number] * 2 + [hsa_id] * 2
    assert named(shaped("person-id-last")) == [hsa_id] * 2 + [number] * 2
    assert named(shaped("two-employers")) == ["SE5560000999-2A06"] * 2 + [hsa_id] * 2
    assert named(shaped("six")) == [hsa_id] * 2 + [number] * 2 + [hsa_id] * 2
    assert named(shaped("authorities"))[4:] == [""] * 4


def test_on_piv_the_pairs_beside_lie_in_retired_places() -> None:
    hsa_id, number = person(6).hsa_id, personal_number(person(6).new)
    assert named(shaped("siths", "D"))[:2] == [hsa_id] * 2
    assert named(shaped("siths", "D"))[-2:] == [number] * 2


@pytest.mark.parametrize("shape", CURVES)
@pytest.mark.parametrize("kind", "BD")
def test_a_card_file_keeps_the_shape(kind: str, shape: str, tmp_path: Path) -> None:
    card = shaped(shape, kind)
    card.save(tmp_path / "card.json")
    again = VirtualCard.load(tmp_path / "card.json")
    assert again.persona.shape == shape
    assert [key.certificate for key in again.keys] == [key.certificate for key in card.keys]
    assert held(again) == held(card)


def test_one_key_may_have_two_certificates() -> None:
    keys = keys_of(replace(persona_of("6:new"), shape="same-keys"))
    assert [key.certificate.public_key() for key in keys[:2]] == [key.certificate.public_key() for key in keys[2:]]
    assert len({key.certificate.serial_number for key in keys}) == 4


def test_an_expired_pair_is_over_and_the_holders_own_is_not() -> None:
    own, _, expired, _ = keys_of(replace(persona_of("6:new"), shape="expired-beside"))
    assert own.certificate.not_valid_after_utc > NOW > expired.certificate.not_valid_after_utc
    assert expired.certificate.not_valid_before_utc < NOW - timedelta(days=365)


def test_an_authority_of_an_earlier_version_gets_the_issuers_that_it_lacks(tmp_path: Path) -> None:
    folder = tmp_path / "authority"
    authority().save(folder)
    for file in folder.glob("issuer-person-id*"):
        file.unlink()
    added, again = TestAuthority.load(folder), TestAuthority.load(folder)
    assert added.intermediates() == again.intermediates()
    assert len(added.intermediates()) == len(authority().intermediates())
