"""What is said of a card is what the card says now: codes, keys, certificates and where its directory lies."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from drivers.reader.card_reader import try_card
from drivers.reader.errors import UnknownCardError
from drivers.reader.outcomes import Accepted, RefusalReason, Refused, Role
from drivers.reader.profiles import Profile, Profiles, builtin
from drivers.reader.secret import Secret
from drivers.reader.signatures.signing import scheme_of
from kiosk.findings import CardEvidence, findings_of
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.slot import CardTornError
from sim.stories.foreign import estrange, known_without_ours
from tests.drivers.reader.conftest import EC_PERSON, NOW, visit_to

PIN, NEW = Role.IDENTIFICATION, Secret("975318")
Make = Callable[..., VirtualCard]


@pytest.fixture
def make(authority: TestAuthority) -> Make:
    def card(kind: str, *traits: str, **changed: str) -> VirtualCard:
        persona = replace(person(EC_PERSON).new, **changed)  # type: ignore[arg-type]  # texts alone
        return VirtualCard.create(persona, authority, NOW, kind=kind, traits=traits)

    return card


def codes_of_findings(visit: object) -> set[str]:
    return {finding.code.value for finding in findings_of(CardEvidence(visit.facts, NOW))}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["A", "B"])
async def test_a_directory_without_a_flag_says_nothing_of_who_knows_the_code(make: Make, kind: str) -> None:
    card = make(kind, "never-initialized")
    async with visit_to(card) as visit:
        assert "pin_initial" not in codes_of_findings(visit)
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()


@pytest.mark.parametrize("kind", ["A", "B"])
@pytest.mark.parametrize("trait", ["empty-code-path", "odf-path"])
async def test_an_odd_path_costs_neither_the_code_nor_the_card(make: Make, kind: str, trait: str) -> None:
    card = estrange(make(kind, trait, *(["no-pkcs15-aid"] if (kind, trait) == ("B", "odf-path") else [])))
    async with visit_to(card) as visit:
        assert [pin.role for pin in visit.facts.pins] == [PIN, Role.PUK]
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        assert (await try_card(visit, "identification")).passed
        assert await visit.change(PIN, Secret(card.persona.pin), NEW) == Accepted()
    async with visit_to(card) as visit:
        assert await visit.verify(PIN, NEW) == Accepted()


async def test_a_key_whose_code_is_not_listed_is_told(make: Make) -> None:
    card = make("B", signature_pin="864201")
    files = card.application.files.application.children  # type: ignore[union-attr]
    listed = files[0x4401].content
    files[0x4401].content = listed.replace(b"\x04\x01\x03", b"\x04\x01\x09")  # the second code has another authId
    async with visit_to(card) as visit:
        assert visit.facts.unlisted == ("Underskrift",)
        assert "code_unlisted" in codes_of_findings(visit)


@pytest.mark.parametrize("kind", ["A", "B", "C", "D"])
async def test_certificates_behind_the_code_are_not_missing(make: Make, kind: str) -> None:
    async with visit_to(make(kind, "guarded-certificates")) as visit:
        assert visit.facts.kind == ("piv" if kind in "CD" else "pkcs15")
        found = codes_of_findings(visit)
        assert "certificate_guarded" in found
        assert not found & {"no_identification", "certificate_damaged"}


async def test_a_card_that_shows_nothing_at_all_wants_secure_messaging_still(make: Make) -> None:
    with pytest.raises(UnknownCardError) as fault:
        async with visit_to(make("C", "secure-messaging")):
            pass
    assert fault.value.why == "secure_messaging"


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_a_packed_certificate_is_unpacked_without_the_bit_that_says_so(make: Make, kind: str) -> None:
    card = make(kind, "gzip-untold")
    async with visit_to(card) as visit:
        assert not visit.facts.damaged
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        assert (await try_card(visit, "identification")).passed


def test_keys_of_other_kinds_have_no_scheme() -> None:
    others = (ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate())
    assert [scheme_of(key.public_key()) for key in others] == [None, None]


@pytest.mark.parametrize("algorithm", ["EC-P521", "Ed25519"])
@pytest.mark.parametrize("kind", ["A", "B", "C", "D"])
async def test_a_key_of_an_unknown_kind_is_named_before_a_code(make: Make, kind: str, algorithm: str) -> None:
    card = make(kind, key_algorithm=algorithm)
    async with visit_to(card) as visit:
        certificate = visit.facts.certificate("identification")
        assert certificate is not None
        assert not certificate.key_known
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        assert await visit.sign("identification", b"x") == Refused(RefusalReason.KEY_KIND)


@pytest.mark.parametrize("described", [False, True])
async def test_a_card_that_signs_by_pss_alone_is_named_so_until_its_profile_says_it(
    make: Make, described: bool
) -> None:
    card = make("B", "pss-only", key_algorithm="RSA-2048")
    ours = builtin().match_name("virtual-b").model_dump()
    ours["signing"] |= {"padding": "pss", "rsa": 0x45}
    profiles = Profiles([Profile.model_validate(ours)] if described else known_without_ours())
    async with visit_to(card, profiles) as visit:
        assert await visit.signability("identification") == ("known" if described else "doubtful")
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        test = await try_card(visit, "identification")
        if described:
            assert (test.passed, getattr(test.outcome, "algorithm", "")) == (True, "PS256")
        else:
            assert isinstance(test.outcome, Refused)
            assert test.outcome.reason is RefusalReason.NO_FORM


@pytest.mark.parametrize("kind", ["A", "B"])
async def test_a_card_that_answers_as_over_t0_is_read_over_t1(make: Make, kind: str) -> None:
    card = make(kind, "t0-answers")
    async with visit_to(card) as visit:
        assert await visit.verify(PIN, Secret(card.persona.pin)) == Accepted()
        assert (await try_card(visit, "identification")).passed


class Stranger(VirtualCard):
    """A card that answers one word to everything."""

    word = b"\x90\x00"

    def transmit(self, apdu: bytes) -> bytes:
        if not self.powered:
            raise CardTornError("the card has no power")
        self.sent: list[int] = [*getattr(self, "sent", []), apdu[1]]
        return self.word


@pytest.mark.parametrize("word", ["9000", "6F00"])
async def test_a_stranger_that_says_the_same_to_everything_hears_no_code(make: Make, word: str) -> None:
    card = Stranger(make("B").memory)
    card.word = bytes.fromhex(word)
    with pytest.raises(UnknownCardError):
        async with visit_to(card):
            pass
    assert 0x20 not in card.sent
    assert len(card.sent) < 40
