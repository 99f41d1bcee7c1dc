"""Views of the home screen: the errands that can be had, why the others cannot, and the view of a card that was put in.

Six errands stand in front, the others behind "more". A card that is put in is a choice too: the station says in one
sentence how it is, and the errand that helps stands first, then the test of the card.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from drivers.reader.model import CardFacts
from drivers.reader.outcomes import Role
from fleet.messages.errand_catalog import Place
from fleet.messages.issuing import ON_A_TILE
from fleet.messages.vocabulary import DeviceStatus, Effect, FindingCode
from kiosk.errands.registry import Errand
from kiosk.findings import CardFinding
from kiosk.issuer.ports import SwitchOff
from kiosk.ports import UNLOCK_WITHOUT_LETTER
from kiosk.station.journal import Interrupted
from kiosk.station.open_slots import OpenSlot
from kiosk.steps.card import Strangeness
from kiosk.steps.view_helpers import back_button, last_digits
from kiosk.views import (
    Await,
    Busy,
    Button,
    CabinetDrawing,
    Choose,
    Fact,
    Note,
    Option,
    ReaderDrawing,
    RestingDrawing,
    Say,
    local,
    say,
)

Offer = tuple[Errand, Say | None]
"""An errand, and why it is not to be had now."""
MORE = "more"
END = "end"
OTHERS = "others"
"""Leads past a slot that stands open to the errands, and from the menu of a card to the rest of its errands."""
BACK = "back"
ADMINISTRATE = "administrate"
"""The errand in which an ID administrator logs in."""
BESIDE = 3
"""So many errands are offered for a card that is in."""


def home_view(
    block_line: str,
    offers: Sequence[Offer],
    cut_off: Sequence[Interrupted],
    *,
    forgotten: bool,
    printer: str | None = None,
    open_slot: OpenSlot | None = None,
) -> Choose:
    """`offers` are errands with why they are not to be had; `cut_off` is what a stop cut off; a card may be left in.

    `block_line` is the number that is always in sight; `printer` the state of one that cannot print; `open_slot` stands
    open, and an administrator, or who looks for another errand, knows of it.
    """
    return Choose(
        name="home",
        title=say("home.title"),
        layout="tiles",
        options=_tiles(offers, "front"),
        drawing=ReaderDrawing(),
        aside=(say("home.aside.title"), say("home.aside.lead")),
        footer=(say("home.block_line"), block_line) if block_line else None,
        side=Button(MORE, say("home.more"), "chevron-right") if _tiles(offers, "more") else None,
        banner=_banner(cut_off, forgotten, printer, open_slot),
        idle_s=math.inf if open_slot is None or open_slot.seen_to else None,
    )


def open_slot_view(slot: OpenSlot, office: str) -> Await:
    """The first screen while a slot stands open: which one, what to do, and who helps (`office`, where the region says it).
    Cards are met here as on the home screen."""
    return Await(
        name="home.open_slot",
        title=say("home.open_slot.title", slot=slot.number),
        lead=(say("home.open_slot.lead"), say("home.open_slot.card")),
        facts=(Fact(say("home.open_slot.help"), office, "help-circle-outline"),) if office else (),
        drawing=CabinetDrawing(slot.slots, slot.number),
        side=Button(OTHERS, say("home.open_slot.others"), "chevron-right"),
        waits_for=say("wait.slot_closed"),
        idle_s=math.inf,
    )


def more_errands_view(offers: Sequence[Offer]) -> Choose:
    """The errands that do not stand in front."""
    return Choose(
        name="home.more",
        title=say("home.more.title"),
        layout="tiles",
        options=_tiles(offers, "more"),
        way_out=back_button(),
    )


def card_view(
    facts: CardFacts,
    findings: Sequence[CardFinding],
    offers: Sequence[Offer],
    *,
    administers: bool = False,
    closed: bool = False,
) -> Choose:
    """A card was put in: how it is, in one sentence, and what helps first. `administers`: it is an ID administrator's. `closed`:
    the station is out of service."""
    tiles = _own_card_tiles(facts, findings, offers, closed=closed)
    side = Button(ADMINISTRATE, say("home.card.administrate"), "account-check-outline") if administers else None
    if side is None and len(tiles) > _beside_card(tiles):
        side = Button(OTHERS, say("home.card.others"))
    return Choose(
        name="home.card",
        title=findings[0].title if findings else say("finding.none.title"),
        lead=(findings[0].means if findings else say("home.card.which", tail=last_digits(facts.card_number)),),
        options=tiles[: _beside_card(tiles)],
        drawing=RestingDrawing(("holder",), say("home.card.stay")),
        way_out=Button(END, say("home.card.end"), "close"),
        side=side,
        needs_card=True,
    )


def other_card_errands_view(
    facts: CardFacts, findings: Sequence[CardFinding], offers: Sequence[Offer], *, closed: bool = False
) -> Choose:
    """Return the view of what else can be done with the card that is in."""
    tiles = _own_card_tiles(facts, findings, offers, closed=closed)
    return Choose(
        name="home.card_others",
        title=say("home.card_others.title"),
        options=tiles[_beside_card(tiles) :],
        drawing=RestingDrawing(("holder",), say("home.card.stay")),
        way_out=back_button(),
        needs_card=True,
    )


def _own_card_tiles(
    facts: CardFacts, findings: Sequence[CardFinding], offers: Sequence[Offer], *, closed: bool
) -> tuple[Option, ...]:
    """Return tiles of what can be done with the card, what mends it first and filled, then its test. On a card that works nothing
    is filled, and the tiles say what they are for."""
    mending = [finding.errand for finding in findings if finding.errand]
    first = [*mending, "check_card"] if findings else []
    fitting = sorted(
        (
            offer
            for offer in (_left(offers) if closed else offers)
            if offer[0].own_card and offer[0].place != "administrator" and (closed or _can(offer[0], facts, findings))
        ),
        key=lambda offer: first.index(offer[0].id) if offer[0].id in first else len(first),
    )
    if not findings:
        return tuple(errand_tile(*offer) for offer in fitting)
    tiles = [_beside(offer, findings, filled=at == 0 and offer[0].id in mending) for at, offer in enumerate(fitting)]
    locked = any(finding.code is FindingCode.PIN_LOCKED for finding in findings)
    if locked and tiles and tiles[0].value == "unblock" and tiles[0].reason is None:
        tiles.insert(1, Option(UNLOCK_WITHOUT_LETTER, say("home.card.no_letter"), icon="email-outline"))
    return tuple(tiles)


def _beside_card(tiles: Sequence[Option]) -> int:
    """Return how many choices stand beside the card: a locked one has the two ways to unlock it alone."""
    return BESIDE - any(tile.value == UNLOCK_WITHOUT_LETTER for tile in tiles)


_NOT_WRITTEN = frozenset(
    {FindingCode.LEAVER, FindingCode.BLOCKED, FindingCode.CERTIFICATE_REVOKED, FindingCode.NOT_HANDED_OVER}
)
"""Nothing is written to a card of which one of these is found: any more, or yet."""
_NEED_THE_CODE = frozenset({"change_pin", "renew_certificate", "clean_up"})


def _can(errand: Errand, facts: CardFacts, findings: Sequence[CardFinding]) -> bool:
    """Return whether the card allows the errand. A code that only the station counts may have been locked or unlocked
    elsewhere."""
    mends = errand.id in {finding.errand for finding in findings}
    pin = facts.pin(Role.IDENTIFICATION)
    counted = pin is not None and pin.counted
    if errand.id in _NEED_THE_CODE:
        locked = pin is not None and pin.state == "locked" and not counted
        return not (locked or _NOT_WRITTEN & {finding.code for finding in findings})
    if errand.id == "unblock":
        return mends or (counted and not findings)
    return mends or errand.id not in ("activate", "report_lost")


def register_view() -> Busy:
    """The card has been read; the register is asked."""
    return Busy(name="home.looking", title=say("home.looking"), lead=(say("home.looking.lead"),))


def strange_card_view(why: Strangeness) -> Await:
    """A card that cannot be met: in the wrong way round, of a kind that nobody knows, or used by something else."""
    return Await(
        name=f"home.strange.{why}",
        title=say(f"strange.{why}.title"),
        lead=(say(f"strange.{why}"),),
        drawing=ReaderDrawing("turn" if why == "mute" else "out"),
        waits_for=say("wait.taken"),
    )


def unavailable_text(missing: str, off: SwitchOff | None = None) -> Say:
    """Why an errand is not to be had: where the region has switched it off, in its own words, if it gave some that fit."""
    words = off.text if missing == "switched_off" and off is not None else {}
    fits = words and all(len(text) <= ON_A_TILE for text in words.values())
    return local(words) if fits else say(f"home.no.{missing}")


def _left(offers: Sequence[Offer]) -> Sequence[Offer]:
    """Return the offers that can be had out of service: that the rest cannot, and why, has been said. All where none can."""
    return [offer for offer in offers if offer[1] is None] or offers


def _tiles(offers: Sequence[Offer], place: Place) -> tuple[Option, ...]:
    return tuple(errand_tile(errand, reason) for errand, reason in offers if errand.place == place)


def errand_tile(errand: Errand, reason: Say | None = None) -> Option:
    """The tile of an errand, or why it is not to be had."""
    return Option(
        errand.id,
        say(f"home.{errand.id}"),
        say(f"home.{errand.id}.detail"),
        errand.icon,
        reason=reason,
    )


def _beside(offer: Offer, findings: Sequence[CardFinding], *, filled: bool) -> Option:
    """A tile beside the card. The filled one says what it takes; what mends a finding in an unexpected way says how."""
    errand, reason = offer
    card_finding = next((finding for finding in findings if finding.errand == errand.id), None)
    tile = replace(errand_tile(errand, reason), detail=None, filled=filled and reason is None)
    if tile.filled and card_finding is not None:
        helped = errand.id == "unblock" and card_finding.who == "administrator"
        tile = replace(tile, detail=say(f"home.card.why.{'helped' if helped else errand.id}"))
    if card_finding is not None and reason is None:
        tile = replace(tile, value=card_finding.begins)
    on_hold = card_finding is not None and card_finding.code is FindingCode.ON_HOLD
    return replace(tile, title=say("home.card.found_again")) if on_hold else tile


def _banner(
    cut_off: Sequence[Interrupted], forgotten: bool, printer: str | None, open_slot: OpenSlot | None
) -> Note | None:
    if forgotten:
        return Note(say("home.forgotten"), say("home.forgotten.title"), "warning")
    if open_slot is not None:
        return Note(say("home.slot_open"), say("home.slot_open.title", slot=open_slot.number), "warning")
    if not cut_off:
        return _no_paper(printer) if printer else None
    writing = any(interrupted.effect in (Effect.CARD_UNBLOCK, Effect.CARD_CHANGE) for interrupted in cut_off)
    key = "home.interrupted.writing" if writing else "home.interrupted"
    return Note(say(key), say("home.interrupted.title"), "warning")


def _no_paper(printer: str) -> Note:
    return Note(say("home.printer.empty" if printer == DeviceStatus.OUT_OF_PAPER else "home.printer.down"))
