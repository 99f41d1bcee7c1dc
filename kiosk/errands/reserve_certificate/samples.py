"""Samples of a certificate to a reserve CARD_FACTS."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from kiosk.errands.reserve_certificate import views
from kiosk.errands.reserve_certificate.journey import CARD, WHO
from kiosk.issuer.ports import DirectoryPerson, Offer
from kiosk.region import BothLanguages
from kiosk.steps import slot_views
from kiosk.steps.pin import by_administrator_views
from kiosk.views import View
from sim.gallery.made_up import ATTENDED, ORDER

LAST = date(2027, 3, 31)


def samples() -> Iterator[tuple[str, View[Any]]]:
    yield "reserve-phased-out", views.phased_out(WHO, LAST)
    off = BothLanguages(sv="Nationella tjänster tar inte längre emot tillitsnivå 2.", en="Level 2 is accepted no more.")
    yield "reserve-level-2-off", views.level_2_off(WHO, off)
    yield "reserve-who", views.who(WHO)
    yield "reserve-level", views.level(WHO)
    yield "reserve-insert-own", views.insert_own(WHO, None)
    yield "reserve-take-own", views.take_own(WHO)
    yield "reserve-insert", views.insert(CARD, None)
    yield "reserve-take-out", by_administrator_views.take_own(CARD, own=True)
    yield "reserve-begin", views.begin(CARD, ORDER, Offer("reserve", 2, LAST.isoformat()))
    for stopped in (
        WHO.stop("own_not_valid"), CARD.stop("no_reserve_card"), views.over(CARD), CARD.stop("other_person"),
        CARD.stop("two_administrators"),
    ):  # fmt: skip
        yield f"reserve-{stopped.reason.replace('_', '-')}", stopped.view
    yield "reserve-where", views.where(WHO)
    yield "reserve-person", views.person(WHO)
    yield "reserve-looking-up", views.looking_up(WHO)
    yield "reserve-person-not-known", views.person_not_known(WHO, ORDER.hsa_id)
    yield (
        "reserve-bind",
        views.bind(WHO, DirectoryPerson(ORDER.hsa_id, ORDER.name, employed_until="2027-03-31"), ORDER.card_number),
    )
    yield "reserve-binding", views.binding(WHO)
    yield "reserve-take", slot_views.take(WHO, ORDER, 24, ATTENDED)
    yield "reserve-unbroken", views.unbroken(WHO, ORDER.card_number)
    yield "reserve-envelope-broken", WHO.stop("reserve_envelope").view
    for reason in ("reserve_not_bound", "reserve_other_card"):
        yield reason.replace("_", "-"), WHO.stop(reason).view
