"""Who is standing here: the holder's own valid card and its PIN, or an ID administrator who attends.

Rules: domain.md, "Rules of hand-over and return"; product.md, `pickup` step 1. A card that is not valid identifies nobody.
"""

from dataclasses import dataclass
from typing import Literal

from drivers.reader.outcomes import Role
from kiosk.journeys import identify_views as views
from kiosk.journeys.desk import Desk
from kiosk.journeys.steps.card import ask_for_card, emptied, prove_code
from kiosk.ports import Administrator, Ask, Reader, Visit


@dataclass(frozen=True, slots=True)
class Identified:
    """Who the holder is, and who vouches. `hsa_id` is empty while an administrator has not yet pointed out the order."""

    by: Literal["old_card", "administrator"]
    hsa_id: str = ""
    loa: int | None = None
    """Level of the certificate that the holder identified with."""
    card_number: str = ""
    """The holder's own card, where that is what was used."""
    administrator: Administrator | None = None
    document: str | None = None
    """Kind of the ID document that the administrator has seen."""


async def identify(ask: Ask, desk: Desk) -> Identified:
    """Let the person choose the way, and go it. Raises StopError where it leads nowhere."""
    if await ask(views.who()) == "administrator":
        return await _attended(ask, desk)
    return await _own_card(ask, desk)


async def _own_card(ask: Ask, desk: Desk) -> Identified:
    visit = await ask_for_card(ask, desk.reader, views.insert_own)
    assert not isinstance(visit, str)
    try:
        certificate = visit.facts.certificate("identification")
        if certificate is None or certificate.chain != "ok":
            raise views.own_card_not_valid(certificate)
        await prove_code(ask, visit, Role.IDENTIFICATION, views.own_code(visit.facts))
        facts = visit.facts
    finally:
        await visit.close()
    await ask(views.take_own(), until=emptied(desk.reader))
    return Identified("old_card", facts.holder.hsa_id, certificate.loa, facts.card_number)


async def _attended(ask: Ask, desk: Desk) -> Identified:
    reader = desk.administrator_reader or desk.reader
    administrator = await _administrator(ask, desk, reader)
    document = await ask(views.document(administrator))
    if reader is desk.reader:
        await ask(views.take_administrator(administrator), until=emptied(reader))
    return Identified("administrator", administrator=administrator, document=document)


async def _administrator(ask: Ask, desk: Desk, reader: Reader) -> Administrator:
    which: Literal["holder", "administrator"] = "holder" if reader is desk.reader else "administrator"
    fresh = False
    while True:
        visit = await ask_for_card(ask, reader, lambda why: views.insert_administrator(why, which), fresh=fresh)
        assert not isinstance(visit, str)
        try:
            administrator = await _admit(ask, desk, visit, watched=reader is desk.reader)
        finally:
            await visit.close()
        if administrator is not None:
            return administrator
        fresh = True


async def _admit(ask: Ask, desk: Desk, visit: Visit, *, watched: bool) -> Administrator | None:
    """The administrator whose card this is, with the code proved; None after saying that it is not one."""
    certificate = visit.facts.certificate("identification")
    administrator = await desk.orders.administrator(visit.facts.holder.hsa_id)
    if certificate is None or certificate.chain != "ok" or administrator is None:
        await ask(views.not_an_administrator())
        return None
    await prove_code(ask, visit, Role.IDENTIFICATION, views.administrator_code(visit.facts, watched=watched))
    return administrator
