"""Rules of certificate offers: which certificates a card may be given now, by directory, register and the region's dates. Pure.

Rules (docs/rules.md, "Hand-over and return"): nothing for a card that is not in use, or whose holder has left; a
certificate never outlives the assignment; a reserve card gets LoA2 before the region's last day of it, unless the region has
switched that off, and LoA3 with two administrators: once, and prolonged once. Either kind is offered only by an interface that
the region has a contract for; a certificate is renewed once, when it nears its end.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from fleet.messages.issuing import CardRecord, DirectoryPerson, Offer

IN_USE = ("active", "handed_out")


@dataclass(frozen=True, slots=True)
class OfferRules:
    """Rules that a region decides. Days of validity, and LoA2's last day (None: not yet decided)."""

    ordinary_days: int = 1826
    reserve_days: int = 180
    loa2_last_day: date | None = None
    reserve_level_2: bool = True
    """Reserve cards get certificates of level 2."""
    renewals: bool = True
    reserve: bool = True
    """Whether there is a contracted interface for certificates of ordinary cards, and of reserve cards."""
    window_days: int = 180
    """So long before its end a certificate may be renewed."""
    certificates_a_day: int = 20
    """At one station: nothing proves to us that the key of a request lies in a card."""


PROLONGED = 1
"""So often a reserve card of level 3 gets a further certificate."""
RENEWED = 2
"""So often a certificate is made anew within the window: once, and once more on the same day where the first went wrong."""


def offers_of(
    person: DirectoryPerson | None, card: CardRecord, today: date, rules: OfferRules, given: int = 0
) -> tuple[Offer, ...]:
    """The offers, best first; () where there is none. `given`: on how many days before today a certificate of level 3 was made
    for this reserve card here; one that went wrong is made again on the same day."""
    contracted = rules.reserve if card.reserve else rules.renewals
    if not contracted or person is None or card.state not in IN_USE or card.hsa_id != person.hsa_id:
        return ()
    last = _last_day(person)
    if last is not None and last < today:
        return ()
    if card.reserve:
        came_with_one = card.loa == 3
        return _for_reserve(today, last, rules, level_3=given < PROLONGED + (not came_with_one))
    end = _capped(today, rules.ordinary_days, last)
    return (Offer("identification", card.loa, end), Offer("signature", card.loa, end))


def _for_reserve(today: date, last: date | None, rules: OfferRules, *, level_3: bool) -> tuple[Offer, ...]:
    end = _capped(today, rules.reserve_days, last)
    high = (Offer("reserve", 3, end, administrators=2),) if level_3 else ()
    phased = rules.loa2_last_day
    if not rules.reserve_level_2 or (phased is not None and phased < today):
        return high
    if phased is None:
        return Offer("reserve", 2, end), *high
    return Offer("reserve", 2, min(end, phased.isoformat()), phased_out=phased.isoformat()), *high


def _last_day(person: DirectoryPerson) -> date | None:
    """The end of the assignment that counts. One that is followed by another in the region ends nothing."""
    last = None if person.continued else person.left or person.employed_until
    return None if last is None else date.fromisoformat(last)


def _capped(today: date, days: int, last: date | None) -> str:
    end = today + timedelta(days=days)
    return (end if last is None else min(end, last)).isoformat()
