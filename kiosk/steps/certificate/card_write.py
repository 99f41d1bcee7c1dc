"""Outcomes of a change to keys and certificates of a card, by which a journey goes on; and the same card read again."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from drivers.reader.errors import (
    CardAnswerError,
    CardChangedError,
    CardGoneError,
    LedgerError,
    NoReaderError,
    ReaderError,
)
from drivers.reader.keys import ManagementKey
from drivers.reader.model import CardFacts, Purpose
from drivers.reader.outcomes import Role
from drivers.reader.secret import Secret
from kiosk.ports import Visit
from kiosk.steps import own_card_views
from kiosk.steps.card import act_for_holder, ask_for_card, prove_code
from kiosk.steps.certificate import card_write_views as views
from kiosk.steps.context import ErrandContext
from kiosk.steps.own_card import OwnCard
from kiosk.steps.pin.unlocking import NotSent

T = TypeVar("T")
Codes = Mapping[Role, Secret]
"""What the holder has typed, and the card accepted in this visit."""


@dataclass(frozen=True, slots=True)
class KeyUnavailable:
    """Nobody answers for the card's management key: nothing has happened to the card."""


@dataclass(frozen=True, slots=True)
class GarbledAnswer:
    """The card says something else than it should: what it holds now is what is read of it."""


class TornError(Exception):
    """The card left the reader in the middle of the work."""


async def attempt(act: Callable[[], Awaitable[T]]) -> T | NotSent | KeyUnavailable | GarbledAnswer:
    """The outcome of a change, which begins when this is awaited. Raises NoReaderError, LedgerError."""
    try:
        return await act()
    except (CardGoneError, CardChangedError):
        return NotSent()
    except CardAnswerError:
        return GarbledAnswer()
    except (NoReaderError, LedgerError):
        raise
    except ReaderError:
        return KeyUnavailable()


async def read_untorn(act: Awaitable[T]) -> T:
    """Await what only reads the card. Raises TornError where it left."""
    try:
        return await act
    except (CardGoneError, CardChangedError):
        raise TornError from None


def codes_for(facts: CardFacts, use: Purpose) -> tuple[Role, ...]:
    """The codes without which no key of that use is made or deleted; the last is that with which it is used."""
    second = use == "signature" and facts.pin(Role.SIGNATURE) is not None
    return (Role.IDENTIFICATION, Role.SIGNATURE) if second else (Role.IDENTIFICATION,)


async def prove_codes(context: ErrandContext, visit: Visit, use: Purpose, proved_roles: Collection[Role] = ()) -> Codes:
    """Ask for each of those codes that is not known yet, until the card accepts it. Raises as `prove_code`."""
    roles = (role for role in codes_for(visit.facts, use) if role not in proved_roles)
    return {
        role: await prove_code(context.ask, visit, role, own_card_views.code(context, visit.facts, role))
        for role in roles
    }


def identification_again(codes: Codes) -> Secret | None:
    """The code for identification, where another one was verified after it: a card may have forgotten it."""
    return codes[Role.IDENTIFICATION] if len(codes) > 1 else None


def management_key(context: ErrandContext, card: OwnCard) -> ManagementKey | None:
    """Return what answers for the card's management key; None where the card has none."""
    algorithm, keys = card.facts.rules.management, context.caps.card_keys
    return algorithm and keys.management(card.facts, algorithm, errand=context.log.id, people=card.people)


async def meet_again(
    context: ErrandContext, card: OwnCard, use: Purpose, settle: Callable[[], Awaitable[None]]
) -> Codes:
    """The same card once more after a tear, and its codes, typed once more. `settle` looks first at what the card holds now.

    Raises StopError where the card is gone, and what `settle` raises.
    """
    serial, fresh = card.facts.serial, False
    await card.visit.close()
    while True:
        visit = await ask_for_card(
            context.ask, context.caps.reader, lambda why: views.pulled(context, why), fresh=fresh
        )
        if isinstance(visit, str):
            raise views.gone(context)
        if (visit.facts.serial, visit.facts.card_number or card.whose.card_number) == (serial, card.whose.card_number):
            card.visit = act_for_holder(visit, card.whose.hsa_id)
            await settle()
            return await prove_codes(context, visit, use)
        await visit.close()
        fresh = True
