"""E-mail to the holder of a card that somebody else found and handed in: that it lies in a bin, and how to get it back.

Rules: once for each time that it is found, to the address that the directory has, whether or not the card could be put on hold.
Whose card it is says its newest order. It names no person. What was done stands on the card's row of the worklist.
"""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from fleet.server.alerts.holder_mail import HolderNotice
from fleet.server.clock.time_zones import HERE
from fleet.server.pages.i18n import Localization
from fleet.server.people.service import stored_people
from fleet.server.worklist import queries
from fleet.server.worklist.model import Act
from fleet.server.worklist.queries import FoundCard

MOST_A_DAY = 100
"""Whoever types one number after the other does not write to a whole region."""
DAY = timedelta(hours=24)
_LAST_DIGITS = 8
_ACT = {"mail": "mailed", "refused": "unmailed"}


def found_card_notices(connection: Connection, now: datetime) -> list[HolderNotice]:
    """Cards that were found in the last days, and whose holders were not told."""
    cards = queries.untold_found_cards(connection, now - 7 * DAY)
    people = stored_people(connection, sorted({card.hsa_id for card in cards}))
    room = MOST_A_DAY - queries.count_acts_since(connection, "mailed", now - DAY)
    return [
        HolderNotice(
            f"{card.card_number} {card.at.isoformat()}", person.mail, partial(_words, card), partial(_record, card)
        )
        for card in cards
        if (person := people.get(card.hsa_id)) is not None and person.mail
    ][: max(0, room)]


def _record(card: FoundCard, connection: Connection, did: str, now: datetime) -> bool:
    queries.record_act(connection, (card.kind, card.card_number), Act(now, "", _ACT[did], ""))
    return True


def _words(card: FoundCard, texts: Localization) -> tuple[str, str]:
    day = texts.day(card.at.astimezone(HERE).date().isoformat(), year=True)
    opening = texts("found_mail.what", card=card.card_number[-_LAST_DIGITS:], day=day, station=card.station)
    rest = (
        texts("found_mail.fetch"),
        texts("found_mail.lift"),
        texts("found_mail.new"),
        texts("holder_mail.no_answer"),
    )
    return texts("found_mail.subject"), "\n".join((opening, *rest))
