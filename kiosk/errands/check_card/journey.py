"""Check the card: whose it is and what is on it, what is wrong and what mends it, and with the code a real signature.

Rules: nothing is written to the card; only the code's own tries can change.
"""

from drivers.reader.model import Chain
from drivers.reader.outcomes import Role
from drivers.reader.secret import Secret
from fleet.messages.vocabulary import Effect, EventType, FindingCode, Outcome
from kiosk.errands.check_card import views
from kiosk.errands.check_card.computer import certificate_choices, show_computer
from kiosk.errands.check_card.told_findings import tell_findings
from kiosk.findings import CardEvidence, findings_of
from kiosk.issuer.ports import CardWord, Found
from kiosk.ports import Ask, ErrandLog
from kiosk.steps import own_card_views
from kiosk.steps.capabilities import Ended
from kiosk.steps.card import prove_code
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.identity.identification import holder_means
from kiosk.steps.identity.proof_of_possession import sign_mandate
from kiosk.steps.own_card import OwnCard, own_card, pending_hand_over
from kiosk.steps.pin.card_test import prove_card
from kiosk.steps.pin.card_test_views import Untested

CONTEXT = ViewContext("check_card")
TRIED: tuple[Chain, ...] = ("ok", "unchecked")
"""Chains with which a card is tried by a signature: what is wrong with any other is a finding already."""
CARD, FOUND, TEST = (CONTEXT.at(step, 3) for step in range(1, 4))


async def check_card(context: ErrandContext) -> Ended:
    """The whole errand. Raises ErrandEndedError where the person or the station ends it earlier."""
    async with own_card(context.go_to(CARD)) as card:
        await _show(context.ask, card)
        pending = await pending_hand_over(context.caps.orders, card.register, card.whose.card_number)
        evidence = CardEvidence(
            card.facts, context.caps.clock.now(), card.register, pending=pending, loa2_ends=context.caps.region.loa2_ends,
            activates=context.caps.region.has_errand("activate"),
        )  # fmt: skip
        findings = findings_of(evidence)
        mended = await tell_findings(context.go_to(FOUND), findings)
        if mended is not None:
            return mended
        code, untested = await _test(context, card)
        tested = code is not None and untested is None
        if tested and pending is not None:
            await _tell_in_use(context.log, card)
        if code is not None and tested:
            await _tell_name_change(context, card, code)
        ended = await context.end(untested or "")
        choices = certificate_choices(card.facts, context.caps.clock.now())
        words = views.done(findings, tested=tested, untested=untested)
        end = views.end(CONTEXT, *words, tested=untested is None, computer=bool(choices))
        while await context.ask(end) == "computer":
            await show_computer(context.go_to(CONTEXT), choices)
        return ended


async def _show(ask: Ask, card: OwnCard) -> None:
    """Show the data of the card, and its certificates for as long as the person looks into them."""
    while await ask(views.card(CARD, card.whose, card.facts)) == "certificates":
        while (chosen := await ask(views.certificates(CARD, card.facts))) != "back":
            await ask(views.certificate(CARD, card.facts.certificates[int(chosen)]))


async def _tell_in_use(log: ErrandLog, card: OwnCard) -> None:
    """Tell the server that a card has its holder's code before anybody has handed it over; a start PIN is not theirs."""
    pin = card.facts.pin(Role.IDENTIFICATION)
    if pin is not None and not pin.must_change and card.facts.rules.first_code != "start-pin":
        await log.note(EventType.EFFECT_DONE, effect=Effect.CARD_TEST, outcome=Outcome.ACCEPTED)


async def _tell_name_change(context: ErrandContext, card: OwnCard, code: Secret) -> None:
    """Show a changed name to the holder alone: the directory is asked with a signature of the card for this only."""
    if not isinstance(card.register, CardWord):
        return
    means = holder_means(card.facts)
    proof = await sign_mandate(context.go_to(TEST), card.visit, means, card.register, code=code)
    answer = await context.caps.directory.find(hsa_id=proof.hsa_id, people=(proof,))
    person = answer.person if isinstance(answer, Found) else None
    findings = findings_of(CardEvidence(card.facts, context.caps.clock.now(), person=person))
    for finding in (card_finding for card_finding in findings if card_finding.code is FindingCode.NAME_CHANGED):
        await context.ask(views.finding(TEST, finding, mends=False))


async def _test(context: ErrandContext, card: OwnCard) -> tuple[Secret | None, Untested | None]:
    """A real signature, where the person wants it and the card could make one: its code, and what the signature does not show."""
    pin = card.facts.pin(Role.IDENTIFICATION)
    valid = card.facts.certificate("identification")
    locked = pin is not None and pin.state == "locked" and not pin.counted
    if pin is None or locked or pin.must_change or valid is None or valid.chain not in TRIED:
        return None, None
    if not valid.key_known:
        return None, "key_kind"
    if await context.ask(views.offer_test(TEST, pin)) != "test":
        return None, None
    code = await prove_code(context.ask, card.visit, Role.IDENTIFICATION, own_card_views.code(TEST, card.facts))
    return code, await prove_card(context.go_to(TEST), card.visit, code)
