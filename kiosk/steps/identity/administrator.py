"""An ID administrator shows who they are: card and code, then the card's signature, which the server judges, or, without
connection, the signed list while that is valid.

    administrator = await log_in(ask, desk, scene, log)           # the one at the menu, or whoever puts a card in
    other = await log_in_another(ask, desk, scene, log, {administrator.hsa_id, holder})

What an administrator's card signs is meant for whichever card the errand comes to be about: theirs is out of the reader then. The
card stays in the second reader; in the one reader it is in turn with the holder's (`give_back`).
"""

from collections.abc import Collection, Set
from typing import Literal, assert_never

from drivers.reader.model import CardFacts
from fleet.messages.attending import LEVEL, may_attend_protected
from fleet.messages.mandates import means_of
from fleet.messages.vocabulary import AskName
from kiosk.issuer.ports import Declined, LoggedIn, Unavailable
from kiosk.issuer.proof_ports import PersonProof
from kiosk.ports import Ask, ErrandLog, Presence, Reader, Visit
from kiosk.steps.capabilities import Desk
from kiosk.steps.card import Strange, ask_for_card, emptied, read_in
from kiosk.steps.context import Scene
from kiosk.steps.identity import administrator_views as views
from kiosk.steps.identity.card_status import own_standing
from kiosk.steps.identity.proof_of_possession import prove_person

Which = Literal["holder", "administrator"]
NOBODY: Set[str] = frozenset()
ATTENDING = (
    AskName.CARD_BLOCK,
    AskName.CARD_CHALLENGE,
    AskName.CARD_HOLD,
    AskName.CARD_LETTER,
    AskName.CARD_LIFT,
    AskName.CARD_PUK,
    AskName.CERTIFICATE_REQUEST,
    AskName.DIRECTORY_FIND,
)
"""What an administrator's mandate means, about any card."""
LOGGED_IN_S = 12 * 60.0
"""A mandate counts for a quarter of an hour from when its nonce was given, before the code was typed: what is begun later than
this is begun with a new one."""


def reader_of(desk: Desk) -> Reader:
    """Where an administrator's card goes: the second reader, or in turn the one."""
    return desk.administrator_reader or desk.reader


async def log_in(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, but: Collection[str] = NOBODY) -> LoggedIn:
    """The administrator who began this errand from the menu; else whoever puts a card in and proves it, and is none of those.
    Who has been at the menu for long is asked for the code again.

    Raises StopError where the code is locked, its last try is kept, or nobody can say who is an administrator.
    """
    here = desk.at_menu
    if here is not None and here.card_in and here.administrator.hsa_id not in but:
        if desk.clock.monotonic() - here.since > LOGGED_IN_S:
            here.administrator, here.since = await _again(ask, desk, scene, log, but), desk.clock.monotonic()
        return here.administrator
    return await prove(ask, desk, scene, log, but)


async def _again(ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, but: Collection[str]) -> LoggedIn:
    """The card that is in proves itself once more; where it does not, whoever puts one in."""
    await ask(views.log_in_again(scene))
    met = await ask(views.logging_in(scene), until=read_in(reader_of(desk)))
    if met is None or isinstance(met, Strange | str):
        return await prove(ask, desk, scene, log, but)
    try:
        same = await _admitted(ask, desk, scene, log, met, but)
    finally:
        await met.close()
    return same or await prove(ask, desk, scene, log, but)


async def log_in_another(
    ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, but: Collection[str], *, for_protected: bool = False
) -> LoggedIn:
    """A second administrator, who is none of those (HSA-ids): two people, two cards. The first takes theirs out. `for_protected`:
    the holder's identity is protected, and the other one needs the role for that too."""
    await give_back(ask, desk, scene, always=True)
    while True:
        other = await prove(ask, desk, scene, log, but, second=True)
        if not for_protected or may_attend_protected(other.roles):
            break
        await ask(views.not_kur(scene))
    await give_back(ask, desk, scene)
    return other


async def give_back(ask: Ask, desk: Desk, scene: Scene, *, always: bool = False) -> None:
    """The administrator's card out of the one reader, which the holder's needs; `always`: out of a second one too."""
    if desk.at_menu is not None:
        desk.at_menu.let_go()
    shared = always or desk.administrator_reader is None
    if shared and await reader_of(desk).presence() is not Presence.EMPTY:
        await ask(views.take(scene, which_of(desk)), until=emptied(reader_of(desk)))


def which_of(desk: Desk) -> Which:
    """Which reader is lit for an administrator."""
    return "holder" if desk.administrator_reader is None else "administrator"


async def prove(
    ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, but: Collection[str], *, second: bool = False
) -> LoggedIn:
    """Ask for a card until it is an administrator's, and none of those that it may not be. Raises StopError."""
    reader, which, fresh = reader_of(desk), which_of(desk), False
    while True:
        visit = await ask_for_card(ask, reader, lambda why: views.insert(scene, why, which, second=second), fresh=fresh)
        assert not isinstance(visit, str)
        try:
            administrator = await _admitted(ask, desk, scene, log, visit, but)
        finally:
            await visit.close()
        if administrator is not None:
            return administrator
        fresh = True


async def _admitted(
    ask: Ask, desk: Desk, scene: Scene, log: ErrandLog, visit: Visit, but: Collection[str]
) -> LoggedIn | None:
    """Whose card this is, with code and signature proved; None after saying why it is not taken. Raises StopError where the card
    proves nobody."""
    certificate = visit.facts.certificate("identification")
    if certificate is None or certificate.chain != "ok":
        await ask(views.not_an_administrator(scene))
        return None
    if certificate.loa != LEVEL:  # said before the code is asked for; list and server judge it too
        await ask(views.not_level_3(scene))
        return None
    if visit.facts.holder.hsa_id in but:
        await ask(views.not_the_same(scene))
        return None
    word = await own_standing(desk, scene, visit.facts.card_number)
    words = views.code(scene, visit.facts, watched=desk.administrator_reader is None)
    proof = await prove_person(ask, desk, scene, log, visit, words, administrator_means(visit.facts), word)
    match await ask(views.logging_in(scene), until=desk.administrators.log_in(proof)):
        case LoggedIn() as known if known.hsa_id not in but:
            return known
        case LoggedIn():
            await ask(views.not_the_same(scene))
        case Declined(reason=reason):
            await ask(views.may_not_attend(scene, reason))
        case Unavailable():
            raise views.nobody_knows(scene)
        case str():
            raise AssertionError("a view without buttons has no answer")
        case other:
            assert_never(other)
    return None


def administrator_means(facts: CardFacts) -> tuple[str, ...]:
    """What an administrator means by their signature."""
    return (means_of(AskName.ADMINISTRATOR_LOGIN, facts.holder.hsa_id), *map(means_of, ATTENDING))


def proofs_of(*administrators: LoggedIn | None) -> tuple[PersonProof, ...]:
    """The proofs of those who attend."""
    return tuple(one.proof for one in administrators if one is not None and one.proof is not None)
