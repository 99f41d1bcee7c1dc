"""Dependencies of routes about cards: the card service, the deadlines, the guards, new tries of letters, and the secret of the
order system's webhook.

Example: `CardServices.of(database, hub, clock, load())`
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from fleet.server.cards.model import Cards
from fleet.server.cards.service import CardService
from fleet.server.database.database import Database
from fleet.server.deadlines.service import DeadlineService
from fleet.server.deadlines.settings import DeadlineSettings
from fleet.server.envelope_resets.service import EnvelopeResetService
from fleet.server.guards.service import GuardService
from fleet.server.live_feed.topics import Changes
from fleet.server.web.authorization import caller_of


@dataclass(frozen=True, slots=True)
class CardServices:
    """See the module. Without `hook` no message of an order system is taken."""

    cards: Cards
    deadlines: DeadlineService
    guards: GuardService
    resets: EnvelopeResetService
    hook: bytes | None = field(default=None, repr=False)

    @classmethod
    def of(
        cls,
        database: Database,
        changes: Changes,
        clock: Callable[[], datetime],
        settings: DeadlineSettings,
        hook: bytes | None = None,
    ) -> "CardServices":
        card_service = CardService(database, changes, clock, settings.by)
        resets = EnvelopeResetService(database, changes, clock)
        guards = GuardService(database, changes, clock)
        return cls(card_service, DeadlineService(database, settings, clock), guards, resets, hook)


def within(request: Request, cards: Cards) -> Cards:
    """Limit the cards to those that the caller's right was granted for."""
    return cards.within(caller_of(request).scope(request.state.right).patterns)
