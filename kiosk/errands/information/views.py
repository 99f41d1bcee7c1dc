"""The views of the region's information."""

from collections.abc import Sequence

from kiosk.region import InformationPage
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button
from kiosk.views import Button, Choose, Confirm, Option, Point, ReceiptPanel, local, say


def pages(context: ViewContext, known: Sequence[InformationPage]) -> Choose:
    """What one can read about."""
    return Choose(
        name=context.name("pages"),
        errand=context.title,
        title=say("information.title"),
        options=tuple(Option(one.id, local(one.title.model_dump()), icon=one.icon) for one in known),
        way_out=Button(cancel_button().value, say("home.card.end"), "close"),
    )


def page(context: ViewContext, one: InformationPage) -> Confirm:
    """One page: its lines, and a code for the phone where there is more to read."""
    points = tuple(Point(local(line.model_dump()), mark="number" if one.steps else "icon") for line in one.lines)
    name, title = context.name(f"page.{one.id}"), local(one.title.model_dump())
    onward = Button("back", say("button.back"), "arrow-left")
    if one.link is None:
        return Confirm(name=name, errand=context.title, title=title, points=points, way_out=onward)
    more = ReceiptPanel(title=say("information.more"), facts=(), qr=one.link)
    return Confirm(name=name, errand=context.title, title=title, points=points, receipt=more, way_out=onward)
