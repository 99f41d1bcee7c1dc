"""The view of what a region has to say."""

from collections.abc import Sequence

from kiosk.region import InformationPage
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button
from kiosk.views import Button, Choose, Option, local, say


def pages(context: ViewContext, shown_pages: Sequence[InformationPage]) -> Choose:
    """Return the view that offers the region's pages of information."""
    return Choose(
        **context.head("pages", say("information.title")),
        options=tuple(Option(page.id, local(page.title.model_dump()), icon=page.icon) for page in shown_pages),
        way_out=Button(cancel_button().value, say("home.card.end"), "close"),
    )
