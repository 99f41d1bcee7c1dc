"""Samples of a certificate to a reserve CARD_FACTS."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from kiosk.errands.reserve_certificate import views
from kiosk.errands.reserve_certificate.journey import CARD, WHO
from kiosk.issuer.ports import Offer
from kiosk.region import BothLanguages
from kiosk.views import View
from sim.gallery.made_up import ORDER

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
    yield "reserve-begin", views.begin(CARD, ORDER, Offer("reserve", 2, LAST.isoformat()))
    for stopped in (
        views.own_not_valid(WHO), views.no_reserve_card(CARD), views.over(CARD), views.other_person(CARD),
        views.two_administrators(CARD),
    ):  # fmt: skip
        yield f"reserve-{stopped.reason.replace('_', '-')}", stopped.view
