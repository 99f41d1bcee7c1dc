"""View of one page of a region's information."""

from kiosk.region import InformationPage
from kiosk.steps.context import ViewContext
from kiosk.views import AboutDrawing, Button, Confirm, Point, ReceiptPanel, local, say


def information_page(context: ViewContext, page: InformationPage) -> Confirm:
    """Its lines, and a code for the phone where there is more to read."""
    points = tuple(Point(local(line.model_dump()), bullet="number" if page.steps else "icon") for line in page.lines)
    name, title = context.name(f"page.{page.id}"), local(page.title.model_dump())
    onward = Button("back", say("button.back"), "arrow-left")
    more = ReceiptPanel(title=say("information.more"), facts=(), qr=page.link) if page.link else None
    return Confirm(
        name=name,
        errand=context.title,
        title=title,
        points=points,
        receipt=more,
        drawing=None if more else AboutDrawing(page.icon),
        way_out=onward,
        sends_on=page.office,
    )
