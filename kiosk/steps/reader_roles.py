"""Telling the readers apart: a card is put into the one that is asked for, and the station sees which it was."""

from collections.abc import Collection
from dataclasses import dataclass

from kiosk.administration_ports import ReaderTelling
from kiosk.ports import Ask
from kiosk.steps import reader_role_views as views
from kiosk.steps.context import ViewContext


@dataclass(frozen=True, slots=True)
class ReaderChoice:
    """Places of the readers. `administrator` is None where there is one reader for both."""

    holder: str
    administrator: str | None


async def choose_readers(ask: Ask, readers: ReaderTelling, context: ViewContext) -> ReaderChoice | None:
    """Ask which reader is whose, with the card that told it taken out again; None where the person went back.

    Of two readers one card tells both. The holder's stands to the left, as all pictures have it.
    """
    places = await readers.connected()
    if not places:
        await ask(views.none_found(context))
        return None
    if len(places) == 1:
        return ReaderChoice(places[0], None) if await ask(views.only_one(context)) == "keep" else None
    holder = await _reader_with_card(ask, readers, context, "holder", places)
    if holder is None:
        return None
    others = [place for place in places if place != holder]
    if len(others) == 1:
        return ReaderChoice(holder, others[0])
    administrator = await _reader_with_card(ask, readers, context, "administrator", others)
    return ReaderChoice(holder, administrator) if administrator is not None else None


async def _reader_with_card(
    ask: Ask, readers: ReaderTelling, context: ViewContext, which: views.Which, places: Collection[str]
) -> str | None:
    before = await readers.occupied()
    place = await ask(views.insert(context, which), until=readers.next_card(places, before))
    if place not in places:
        return None
    await ask(views.take(context, which), until=readers.emptied(place))
    return place
