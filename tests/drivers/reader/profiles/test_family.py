"""A card of a read-only product's family: the next delivery, with another version in its answer to reset, is read-only too."""

import pytest

from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role, WrongCode
from drivers.reader.profiles import CardSigns, Profiles, builtin
from drivers.reader.secret import Secret
from drivers.reader.transport.atr import family_mask
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.products import product_card
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

TELIA, NEXT = "3B7D96000080318065B0A31101F383009000", "3B7D96000080318065B0A311019983009000"
OTHER = "3B7D96000080318065B0A41101F383009000"
NEW = Secret("975318")


def match(atr: str, profiles: Profiles | None = None) -> tuple[str, bool]:
    profile = (profiles or builtin()).match(CardSigns(atr=bytes.fromhex(atr), aid=b"\xa0"), "pkcs15")
    assert profile is not None
    return profile.name, profile.read_only


async def test_the_next_delivery_of_a_read_only_card_is_read_only(authority: TestAuthority) -> None:
    card = product_card("telia", person(EC_PERSON).new, authority, NOW)
    card.atr = bytes.fromhex(NEXT)
    async with visit_to(card) as visit:
        assert (visit.facts.profile, visit.facts.rules.read_only) == ("telia-eid-ip5a", True)
        refused = await visit.change(Role.IDENTIFICATION, Secret(card.persona.pin), NEW)
        assert refused == Refused(RefusalReason.NOT_PROVED)


def test_another_product_is_no_relative() -> None:
    assert match(TELIA) == match(NEXT) == ("telia-eid-ip5a", True)
    assert match(OTHER) == ("pkcs15", False)


def test_whoever_knows_the_exact_card_goes_first() -> None:
    told = builtin().match_name("telia-eid-ip5a").model_dump()
    atr = {"atr": ({"value": NEXT},)}
    proved = type(builtin().match_name("pkcs15")).model_validate(
        told | {"name": "next", "rank": 5, "proved": "card", "match": told["match"] | atr}
    )
    profiles = builtin().with_added(proved)
    assert match(NEXT, profiles) == ("next", False)
    assert match(TELIA, profiles) == ("telia-eid-ip5a", True)


@pytest.mark.parametrize(
    ("atr", "mask"),
    [
        ("3BF59600008131FE454D7945494414", "FFFFFFFFFFFFFFFFFFFFFFFF000000"),
        ("3B7F96000080318065B0850400111202F0829000", "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFF0000FFFFFF"),
        ("3B6500002063CB6600", "FF" * 7 + "0000"),
        ("3B00", "FFFF"),
        ("3B", "FF"),
    ],
)
def test_a_version_stands_at_the_end_of_the_historical_bytes(atr: str, mask: str) -> None:
    assert family_mask(bytes.fromhex(atr)).hex().upper() == mask


async def test_whoever_answers_for_one_card_lets_its_code_be_changed_after_a_verify(authority: TestAuthority) -> None:
    card = product_card("telia", person(EC_PERSON).new, authority, NOW)
    async with visit_to(card) as visit:
        with pytest.raises(LookupError):
            visit.lift_read_only()
    card.atr = bytes.fromhex(NEXT)
    async with visit_to(card) as visit:
        assert visit.facts.rules.by_family
        visit.lift_read_only()
        card.log.clear()
        assert await visit.change(Role.IDENTIFICATION, Secret("999993"), NEW) == WrongCode(2)
        assert "CHANGE REFERENCE DATA" not in {entry.ins for entry in card.log}
        assert await visit.change(Role.IDENTIFICATION, Secret(card.persona.pin), NEW) == Accepted()
    async with visit_to(card) as visit:
        assert visit.facts.rules.read_only
