"""What is found wrong with a card: one row a rule, from facts made by hand, and nothing on a healthy card."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.reader import Profiles, ReaderSettings, open_card
from drivers.reader.model import CardFacts, CardRules, Certificate, Chain, Holder, Pin
from drivers.reader.outcomes import Role
from fleet.messages.issuing import CardState, DirectoryPerson
from fleet.messages.link import Delivery
from fleet.messages.vocabulary import FindingCode
from kiosk.findings import RULES, CardEvidence, actionable_findings, findings_of
from kiosk.issuer.ports import CardWord, NotFound
from kiosk.texts import Texts
from kiosk.views import say
from sim.reader.in_process import InProcessBackend
from sim.reader.slot import VirtualSlot
from sim.stories.clock import NOW
from sim.stories.devices import order_of
from sim.stories.foreign import estrange, known_without_ours
from sim.stories.room import make_card, persona_of

NUMBER = "9999000010260001"
DAY = timedelta(days=1)
HOLDER = Holder("A", "SE2321000999-1A01")
LOGIN = Certificate(
    "01", "login", "CN=A", "CN=CA", "1", NOW - DAY, NOW + 400 * DAY, "identification", 3, "ok", b"", holder=HOLDER
)
SIGN = replace(LOGIN, id="02", label="sign", purpose="signature")
PIN = Pin("01", "PIN", Role.IDENTIFICATION, 1, 3, "ok", 6, 8)
PUK = replace(PIN, id="02", label="PUK", role=Role.PUK, tries_left=10)
STOPPED = replace(PUK, tries_left=None, state="unknown", counted=True, below_floor=True)
CARD = CardFacts(
    "r", b"", "pkcs15", "virtual-b", "00", NUMBER, HOLDER, (PIN, PUK), (LOGIN, SIGN), b"",
    rules=CardRules("holder"),
)  # fmt: skip
WELL = CardEvidence(CARD, NOW, register=CardWord(NUMBER, "active", "6XX"))
LOCKED = replace(CARD, pins=(replace(PIN, tries_left=0, state="locked"), PUK))


def card(**changed: object) -> CardEvidence:
    return replace(WELL, card=replace(CARD, **changed))  # type: ignore[arg-type]  # the fields of CardFacts


def certificates(**changed: object) -> CardEvidence:
    return card(certificates=(replace(LOGIN, **changed), SIGN))  # type: ignore[arg-type]  # the fields of Certificate


def record(state: CardState, **more: str) -> CardEvidence:
    return replace(WELL, register=CardWord(NUMBER, state, "6XX", **more))  # type: ignore[arg-type]


def person(**facts: object) -> CardEvidence:
    return replace(WELL, person=DirectoryPerson("x", "A", **facts))  # type: ignore[arg-type]


def real(*places: int) -> tuple[Certificate, ...]:
    """Certificates with real bytes: identification and signature of a virtual card."""
    keys = make_card(persona_of("1:old")).keys
    return tuple(replace((LOGIN, SIGN)[at], der=keys[at].certificate.public_bytes(Encoding.DER)) for at in places)


FOUND: dict[str, Callable[[], CardEvidence]] = {
    "certificate_revoked": lambda: certificates(chain="revoked"),
    "blocked": lambda: record("blocked"),
    "leaver": lambda: record("active", holder="left"),
    "on_hold": lambda: record("held"),
    "printed_differs": lambda: replace(WELL, printed="20269999"),
    "other_than_ordered": lambda: replace(WELL, order=order_of(2)),
    "not_handed_over": lambda: replace(WELL, pending="post"),
    "puk_locked": lambda: card(pins=(PIN, replace(PUK, tries_left=0, state="locked"))),
    "puk_floor": lambda: replace(WELL, card=replace(LOCKED, pins=(LOCKED.pins[0], STOPPED))),
    "pin_locked": lambda: replace(WELL, card=LOCKED),
    "not_by_holder": lambda: replace(WELL, card=replace(LOCKED, rules=CardRules("administrator"))),
    "locked_read_only": lambda: replace(WELL, card=replace(LOCKED, rules=CardRules(read_only=True))),
    "chain_untrusted": lambda: certificates(chain="untrusted"),
    "no_identification": lambda: card(certificates=(SIGN,)),
    "key_differs": lambda: card(certificates=(LOGIN, replace(real(0)[0], purpose="other"))),
    "certificate_damaged": lambda: card(damaged=("login",)),
    "certificate_expired": lambda: certificates(not_after=NOW - DAY, chain="expired"),
    "certificate_not_yet_valid": lambda: certificates(not_before=NOW + DAY),
    "pin_initial": lambda: card(pins=(replace(PIN, must_change=True), PUK)),
    "not_activated": lambda: record("handed_out", activate_by="2026-12-24"),
    "name_changed": lambda: person(name_changed="2026-11-01"),
    "certificate_expires_soon": lambda: certificates(not_after=NOW + 5 * DAY),
    "level_unknown": lambda: card(
        certificates=(replace(LOGIN, loa=None), SIGN), rules=CardRules("holder", tells_levels=True)
    ),
    "loa2_ends": lambda: replace(certificates(loa=2), loa2_ends=date(2027, 3, 31)),
    "not_registered": lambda: replace(WELL, register=NotFound()),
    "code_unlisted": lambda: card(unlisted=("Underskrift",)),
    "certificate_guarded": lambda: card(certificates=(SIGN,), guarded=("Legitimering",)),
    "read_only": lambda: card(rules=CardRules(read_only=True)),
    "alike": lambda: card(certificates=real(0, 1)),
}


@pytest.mark.parametrize("code", [rule.code for rule in RULES])
def test_it_is_found_and_nothing_else(code: str) -> None:
    found = findings_of(FOUND[code]())
    assert [one.code for one in found] == [code]
    assert all(found[0].text.split(". "))
    assert "{" not in found[0].text


def test_every_finding_has_a_rule_and_a_case() -> None:
    codes = {rule.code for rule in RULES}
    assert codes == set(FindingCode) - {FindingCode.UNKNOWN_CARD, FindingCode.UNREAD_CARD}, (
        "nothing is asked of an unknown card"
    )
    assert codes == set(FOUND)


def test_a_card_works_meanwhile_where_something_ends_later() -> None:
    works = {rule.code for rule in RULES if rule.works}
    assert works == {
        "not_activated", "name_changed", "certificate_expires_soon", "loa2_ends", "level_unknown", "read_only",
        "code_unlisted", "certificate_guarded",
    }  # fmt: skip
    assert [one.works for one in findings_of(FOUND["loa2_ends"]())] == [True]
    assert [one.works for one in findings_of(FOUND["blocked"]())] == [False]


@pytest.mark.parametrize(("table", "told"), [({}, False), ({"1.2.3.4": 3}, True), ({"1.2.752.74.5.3": 3}, False)])
def test_a_card_with_none_of_the_policies_that_are_levels_is_told(table: dict[str, int], told: bool) -> None:
    slot = VirtualSlot("Desk 0")
    slot.insert(estrange(make_card(persona_of("1:old"))))
    settings = ReaderSettings(profiles=Profiles(known_without_ours()).with_loa(table), now=lambda: NOW)
    with open_card(settings=settings, backend=InProcessBackend([slot])) as opened:
        codes = {finding.code for finding in actionable_findings(CardEvidence(opened.facts, NOW))}
    assert (FindingCode.LEVEL_UNKNOWN in codes) is told


def test_nothing_is_found_on_a_healthy_card() -> None:
    assert findings_of(WELL) == ()


@pytest.mark.parametrize("chain", ["revoked", "untrusted", "expired"])
def test_nothing_is_found_for_the_sake_of_a_pair_that_is_not_used(chain: Chain) -> None:
    personal = replace(LOGIN, id="03", holder=Holder("", ""), personal=True, chain=chain)
    former = replace(LOGIN, id="05", not_after=NOW + 300 * DAY, issuer="CN=Old CA", chain=chain)
    assert findings_of(card(certificates=(personal, former, LOGIN, SIGN))) == ()


def test_where_nobody_can_be_asked_nothing_is_said_of_the_register() -> None:
    assert findings_of(CardEvidence(CARD, NOW)) == ()


def test_a_piv_cards_own_certificate_is_no_persons_whose_key_is_missing() -> None:
    doors = replace(real(0)[0], id="9e", purpose="other")
    assert findings_of(card(kind="piv", certificates=(LOGIN, SIGN, doors))) == ()
    assert [one.code for one in findings_of(card(certificates=(LOGIN, SIGN, doors)))] == ["key_differs"]


def test_a_locked_card_whose_product_is_only_printed_on_it_leads_to_the_errand_that_asks() -> None:
    printed = replace(WELL, card=replace(LOCKED, rules=CardRules("printed")))
    found = {one.code: one.errand for one in findings_of(printed)}
    assert (found.get("pin_locked"), "not_by_holder" in found) == ("unblock", False)


@pytest.mark.parametrize("code", ["pin_initial", "not_activated", "certificate_expires_soon", "pin_locked"])
def test_a_read_only_product_invites_to_no_errand_that_changes_the_card(code: str) -> None:
    known = FOUND[code]()
    restrained = replace(known, card=replace(known.card, rules=CardRules(read_only=True)))
    found = findings_of(restrained)
    assert {"read_only", "locked_read_only"} & {one.code for one in found}
    assert not {"pin_locked", "not_by_holder"} & {one.code for one in found}
    assert [one.errand for one in found] == [None] * len(found)


@pytest.mark.parametrize(
    ("activates", "errand", "how"),
    [(True, "activate", "attended"), (False, "unblock", "letter")],
    ids=["by post", "by letter"],
)
def test_a_card_that_is_not_activated_leads_to_how_the_region_does_it(activates: bool, errand: str, how: str) -> None:
    (finding,) = findings_of(replace(FOUND["not_activated"](), activates=activates))
    assert (finding.errand, finding.args["how"]) == (errand, say(f"finding.not_activated.{how}"))


@pytest.mark.parametrize(
    ("pending", "activates", "errand", "who"),
    [
        ("post", True, "activate", "holder"),
        ("post", False, None, "administrator"),
        ("station", True, "pickup", "holder"),
        ("station", False, "pickup", "holder"),
    ],
)
def test_a_card_that_is_not_handed_over_leads_there_and_to_no_code_of_its_own(
    pending: Delivery, activates: bool, errand: str | None, who: str
) -> None:
    locked = replace(LOCKED, pins=(replace(LOCKED.pins[0], must_change=True), PUK))
    known = replace(FOUND["not_activated"](), card=locked, pending=pending, activates=activates)
    (finding,) = findings_of(known)
    assert (finding.code, finding.errand, finding.who) == ("not_handed_over", errand, who)
    assert finding.works is False
    assert "within 297 days" in finding.text, "the day of the register is still said"


def test_what_only_has_to_be_known_is_not_wrong() -> None:
    assert actionable_findings(FOUND["alike"]()) == ()


def test_a_leaver_with_another_assignment_may_keep_the_card() -> None:
    assert findings_of(person(left="2026-11-01", continued=True)) == ()


def test_the_worst_comes_first() -> None:
    both = replace(FOUND["certificate_expires_soon"](), register=record("blocked").register)
    assert [one.code for one in findings_of(both)] == ["blocked", "certificate_expires_soon"]


@pytest.mark.parametrize(
    ("days", "said"),
    [(-2, "today"), (0, "today"), (1, "by tomorrow"), (2, "within 2 days")],
)
def test_the_days_that_are_left_are_said_as_people_say_them(days: int, said: str) -> None:
    last = (NOW.astimezone().date() + timedelta(days=days)).isoformat()
    title = findings_of(record("handed_out", activate_by=last))[0].title
    assert Texts.load().plain(title, "en") == f"Activate the card {said}"
