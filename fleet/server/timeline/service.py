"""Timelines over the store: implements `fleet.server.timeline.model.Timelines`."""

from fleet.server.cards.model import Cards
from fleet.server.database.database import Database
from fleet.server.database.station_scope import stations_like
from fleet.server.timeline.model import Timeline, TimelineRow, card_rows, errand_rows, newest_first
from fleet.server.timeline.queries import acts_about, cards_of, other_rows


class TimelineService:
    """From any thread."""

    def __init__(self, database: Database, cards: Cards, patterns: frozenset[str] = frozenset("*")) -> None:
        self._database = database
        self._cards = cards
        self._seen = stations_like(patterns)

    def within(self, patterns: frozenset[str]) -> "TimelineService":
        """The same for these stations only."""
        return TimelineService(self._database, self._cards.within(patterns), patterns)

    def card(self, number: str) -> Timeline:
        """The whole story of one card."""
        rows = self._rows(number)
        return Timeline("card", number, (number,) if rows else (), newest_first(rows))

    def person(self, hsa_id: str) -> Timeline:
        """The stories of all cards of one person, and the errands that were about none."""
        with self._database.reading.begin() as connection:
            numbers, others = cards_of(connection, hsa_id, self._seen)
        rows = [row for number in sorted(numbers) for row in self._rows(number)]
        rows += [row for errand in others for row in errand_rows(errand)]
        return Timeline("person", hsa_id, tuple(sorted(numbers)), newest_first(rows))

    def _rows(self, number: str) -> list[TimelineRow]:
        story = self._cards.card(number)
        names = [order.order for order in story.orders]
        with self._database.reading.begin() as connection:
            rows = [*card_rows(story), *other_rows(connection, number, names, self._seen)]
            return [*rows, *acts_about(connection, number, names)] if rows else []
