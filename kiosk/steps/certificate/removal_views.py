"""The views of taking certificates off a card: which, is that sure, it is being done, it stays."""

from collections.abc import Sequence
from typing import Protocol

from drivers.reader.model import Certificate
from kiosk.steps.context import Scene
from kiosk.steps.view_helpers import back, cancel, day, go
from kiosk.views import Busy, Choose, Confirm, Fact, Option, Point, Say, Tell, say


class Old(Protocol):
    """A certificate that may go, and why."""

    @property
    def certificate(self) -> Certificate: ...
    @property
    def why(self) -> str: ...


def which(scene: Scene, old: Sequence[Old], *, writable: bool) -> Choose:
    """What may go from the card; and blocking all of it. The answer is a place in `old`, `block` or `end`."""
    reason = None if writable else say("clean.not_writable")
    tiles = [
        Option(str(at), use(one.certificate), _why(one), "certificate-outline", reason) for at, one in enumerate(old)
    ]
    block = Option("block", say("clean.block"), say("clean.block.detail"), "smart-card-off-outline")
    return Choose(
        name=scene.name("which"),
        errand=scene.title,
        step=scene.step,
        title=say("clean.which.title" if old else "clean.nothing.title"),
        lead=(say("clean.which.lead" if old else "clean.nothing.lead"),),
        options=(*tiles, block),
        way_out=cancel(),
        primary=go("end", "clean.end", "check"),
        needs_card=True,
    )


def use(one: Certificate) -> Say:
    """What a certificate is for."""
    return say(f"certificate.{one.purpose}")


def _why(one: Old) -> Say:
    return say(f"clean.why.{one.why}", day=day(one.certificate.not_after.astimezone().date()))


def sure(scene: Scene, one: Old) -> Confirm:
    """One certificate: what goes, and what stays."""
    return Confirm(
        name=scene.name("sure_remove"),
        errand=scene.title,
        step=scene.step,
        title=say("clean.sure.title"),
        points=(
            Point(say("clean.sure.goes"), say("clean.sure.goes.detail"), icon="certificate-outline"),
            Point(say("clean.sure.stays"), say("clean.sure.stays.detail"), icon="shield-check-outline"),
        ),
        facts=(
            Fact(say("renew.fact.use"), use(one.certificate)),
            Fact(say("fact.lasts"), day(one.certificate.not_after.astimezone().date())),
        ),
        warning=say("clean.sure.warning"),
        way_out=back(),
        primary=go("remove", "clean.sure.go"),
        needs_card=True,
    )


def removing(scene: Scene) -> Busy:
    """It is being taken off."""
    return Busy(
        name=scene.name("removing"),
        errand=scene.title,
        step=scene.step,
        title=say("busy.title"),
        lead=(say("clean.removing"),),
        under=say("busy.card_in"),
    )


def stays(scene: Scene) -> Tell:
    """The card, or whoever answers for its management key, does not let it go: nothing is broken by that."""
    return Tell(
        name=scene.name("stays"),
        errand=scene.title,
        step=scene.step,
        badge="warning",
        badge_icon="alert",
        title=say("clean.stays.title"),
        lead=(say("clean.stays.lead"),),
        points=(Point(say("clean.stays.do"), mark="number"),),
        primary=go("next", "button.next"),
    )


def done(removed: int) -> tuple[Say, tuple[Say, ...]]:
    """Title and lead of the end, by how many went."""
    if removed == 0:
        return say("clean.done.none"), (say("clean.done.none.lead"),)
    return say("clean.done.title"), (say("clean.done.one" if removed == 1 else "clean.done.many", count=removed),)
