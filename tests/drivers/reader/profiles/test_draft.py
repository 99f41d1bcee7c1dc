"""A draft for a card that nobody knows yet: usable, honest about what is not verified, and made without touching a try."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader.card_reader import CardReader, ReaderSettings, visiting
from drivers.reader.model import CardFacts, Certificate, Holder
from drivers.reader.outcomes import Accepted, Role, Signed
from drivers.reader.pin.code_roles import PIN
from drivers.reader.profiles import CardSigns, Profiles, builtin, parse
from drivers.reader.profiles.draft import draft, issuers_of
from drivers.reader.secret import Secret
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.products import product_card
from sim.reader.signing_traits import SIGNING, TOLD_ECDSA, TOLD_RSA, UNTOLD
from sim.reader.slot import VirtualSlot
from tests.drivers.reader.conftest import EC_PERSON, NOW

STRANGER = CardFacts("", bytes.fromhex("3B7F96000080318065B0850400111202F0829000"), "pkcs15", "", "", "",
                     Holder("", ""), (), (), b"")  # fmt: skip


@pytest.fixture(params=["A", "B", "C", "D"])
def virtual(request: pytest.FixtureRequest, authority: TestAuthority) -> VirtualCard:
    return VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=request.param)


SAME = ("commands", "unblocking", "one_code", "writable", "proved", "genuine", "stocked_by", "certificates", "piv")


@pytest.mark.parametrize(
    ("kind", "traits"),
    [
        *((kind, ()) for kind in "ABCD"),
        ("A", ("puk-16", "no-sfi")), ("B", ("no-puk-object", "padded-files")), ("B", ("idle-second-pin", "mse-file")),
        ("B", ("ascii-numeric", "puk-6")), ("A", ("iso9564",)), ("B", ("reference-80-told", "pads-ff")),
        ("C", ("silent-counters", "puk-6")), ("D", ("puk-7",)),
    ],
)  # fmt: skip
async def test_with_its_draft_a_card_is_what_it_was_with_the_generic_profile(
    authority: TestAuthority, kind: str, traits: tuple[str, ...]
) -> None:
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=kind, traits=traits)
    slot = VirtualSlot("Bench 0")
    slot.insert(card)
    generic = builtin().match_name("piv" if kind in "CD" else "pkcs15")
    before, text = await read(slot, Profiles([generic]))
    drafted = parse(text, "draft.toml")
    after, _ = await read(slot, Profiles([drafted]))
    assert after == replace(before, profile=drafted.name)
    assert {key: getattr(drafted, key) for key in SAME} == {key: getattr(generic, key) for key in SAME}
    for role in Role:
        theirs, ours = generic.new_rules(role), drafted.new_rules(role)
        assert (ours.charset, ours.tries) == (theirs.charset, theirs.tries)
        assert theirs.min_length <= ours.min_length <= ours.max_length <= theirs.max_length
    assert drafted.puk.floor == generic.puk.floor


@pytest.mark.parametrize("kind", ["C", "D"])
async def test_a_draft_for_piv_says_what_the_standard_says_and_names_it(authority: TestAuthority, kind: str) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(VirtualCard.create(person(EC_PERSON).new, authority, NOW, kind=kind))
    _, text = await read(slot, builtin().quiet())
    drafted = parse(text, "draft.toml")
    assert (drafted.pin.min_length, drafted.pin.max_length, drafted.puk.min_length, drafted.puk.max_length) == (
        6,
        8,
        8,
        8,
    )
    assert "card's own description" not in text
    assert all("SP 800-73-4" in (drafted.evidence[key] or "") for key in ("pin.min_length", "puk.max_length"))
    assert (drafted.commands.counter, "[piv]" in text) == ("empty-verify", True)


@pytest.mark.parametrize("trait", sorted(SIGNING.keys() - {UNTOLD}))
async def test_a_draft_after_a_signature_has_the_form_that_gave_it_and_a_profile_of_it_pays_nothing_more(
    authority: TestAuthority, trait: str
) -> None:
    slot = VirtualSlot("Bench 0")
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW, traits=[trait])
    slot.insert(card)
    costs, profiles = [], builtin()
    for _ in range(2):
        reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(profiles=profiles))
        async with visiting(reader) as visit:
            assert await visit.verify(Role.IDENTIFICATION, Secret(card.persona.pin)) == Accepted()
            before = visit.exchange.apdus
            assert isinstance(await visit.sign("identification", b"made up"), Signed)
            costs.append(visit.exchange.apdus - before)
            text = visit.draft_profile()
        await reader.close()
        drafted = parse(text, "draft.toml")
        profiles = Profiles([*builtin(), drafted.model_copy(update={"rank": 99})])
    assert text.count("measured on this card") == 1
    assert costs[1] == {"no-mse": 1, "pso-hash": 3}.get(trait, 2) <= costs[0]


async def read(slot: VirtualSlot, profiles: Profiles) -> tuple[CardFacts, str]:
    reader = CardReader(InProcessBackend([slot]), slot.name, ReaderSettings(profiles=profiles))
    try:
        async with visiting(reader) as visit:
            return visit.facts, visit.draft_profile()
    finally:
        await reader.close()


async def test_a_draft_fits_its_card_and_cost_no_try(virtual: VirtualCard) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(virtual)
    facts, text = await read(slot, builtin().quiet())
    assert virtual.log
    assert not {entry.ins for entry in virtual.log} & {"VERIFY", "CHANGE REFERENCE DATA", "RESET RETRY COUNTER"}
    profile = parse(text, "draft.toml")
    assert profile.kind == facts.kind
    assert profile.unblocking.by == "nobody"
    assert "pin.tries" in profile.unverified
    assert not any(key.startswith("match") for key in profile.unverified)
    assert profile.match.aid
    assert bool(profile.match.label) is (virtual.kind != "D")  # a token gives itself no label
    again, _ = await read(slot, Profiles([*builtin(), profile.model_copy(update={"rank": 99})]))
    assert again.profile == profile.name
    assert again.pin(Role.IDENTIFICATION) is not None


async def test_a_draft_of_a_product_that_ships_read_only_stays_so(authority: TestAuthority) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(product_card("cardos", person(EC_PERSON).new, authority, NOW))
    _, text = await read(slot, builtin())
    drafted = parse(text, "draft.toml")
    assert (drafted.proved, drafted.evidence["proved"]) == ("none", "as cardos")


def test_what_a_hostile_card_says_stays_data() -> None:
    said = 'a"\\b\n[pin]\x7f = "" .*('
    text = draft(STRANGER, CardSigns(STRANGER.atr, b"", said, "ö\ud800", ("CN=x\n[y]",)), [])
    text.encode("utf-8")
    profile = parse(text, "draft.toml")
    assert Profiles([profile]).match(CardSigns(STRANGER.atr, label=said, manufacturer="ö\ud800"), "pkcs15")
    assert not Profiles([profile]).match(CardSigns(STRANGER.atr, label="other", manufacturer="ö\ud800"), "pkcs15")
    assert (profile.pin.min_length, profile.puk.floor) == (4, 3)


async def test_a_puk_that_only_a_profile_describes_is_not_the_cards_own_word(authority: TestAuthority) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(VirtualCard.create(person(EC_PERSON).new, authority, NOW, traits=["no-puk-object"]))
    facts, text = await read(slot, builtin().quiet())
    assert facts.profile == "virtual-b"
    assert facts.pin(Role.PUK) is not None
    drafted = parse(text, "draft.toml")
    assert (drafted.puk.min_length, drafted.puk.max_length) == (4, 16)
    assert "puk.min_length" in drafted.unverified
    assert "# the card lists no PUK" in text


@pytest.mark.parametrize("told", [(0, 0), (255, 4), (20, 30), (6, 5), (17, 255)])
def test_lengths_that_make_no_sense_leave_the_generic_ones(told: tuple[int, int]) -> None:
    code = replace(PIN, min_length=told[0], max_length=told[1])
    text = draft(STRANGER, CardSigns(STRANGER.atr), [(code, Role.IDENTIFICATION), (code, Role.PUK)])
    rules = parse(text, "draft.toml").pin
    assert rules.min_length <= rules.max_length <= 16


async def test_a_draft_lists_the_algorithms_that_the_card_tells(authority: TestAuthority) -> None:
    slot = VirtualSlot("Bench 0")
    slot.insert(VirtualCard.create(person(EC_PERSON).new, authority, NOW, traits=["told-algorithm"]))
    _, text = await read(slot, builtin().quiet())
    forms = parse(text, "draft.toml").signing.forms
    assert [(form.keys, form.algorithm, form.input) for form in forms] == [
        ("rsa", TOLD_RSA, "digest-info"), ("ec", TOLD_ECDSA, "hash"),
    ]  # fmt: skip


def test_what_is_no_certificate_has_no_issuer_and_no_policy() -> None:
    assert issuers_of([b"", b"junk"]) == ()
    broken = Certificate("45", "", "", "", "", NOW, NOW, "identification", None, "untrusted", b"junk")
    text = draft(replace(STRANGER, certificates=(broken,)), CardSigns(STRANGER.atr), [])
    assert "# loa" not in text


def test_policies_and_issuers_of_a_card_are_hints() -> None:
    authority = TestAuthority.create(NOW)
    card = VirtualCard.create(person(EC_PERSON).new, authority, NOW)
    der = card.keys[0].certificate.public_bytes(Encoding.DER)
    held = Certificate("45", "", "", "", "", NOW, NOW, "identification", None, "untrusted", der)
    text = draft(replace(STRANGER, certificates=(held,)), CardSigns(STRANGER.atr, issuers=issuers_of([der])), [])
    assert '# loa = { "1.2.752.74.5.3" = 3 }' in text
    assert '# issuer = "^' in text
    assert parse(text.replace("# issuer", "issuer"), "draft.toml").match.issuer
