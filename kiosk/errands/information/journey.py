"""Information: pages of the region's own text, each with a QR code to where there is more. For anyone, at any time."""

from fleet.messages.vocabulary import ErrandOutcome
from kiosk.errands.information import views
from kiosk.ports import ErrandCancelledError, TimedOutError
from kiosk.steps.capabilities import Ended
from kiosk.steps.context import ErrandContext, ViewContext
from kiosk.steps.information_page import information_page

CONTEXT = ViewContext("information")


async def information(context: ErrandContext) -> Ended:
    """Page after page, for as long as somebody reads. Leaving is how it is done."""
    pages = {page.id: page for page in context.caps.region.shown_pages}
    try:
        while True:
            chosen = await context.ask(views.pages(CONTEXT, tuple(pages.values())))
            await context.ask(information_page(CONTEXT, pages[chosen]))
    except (ErrandCancelledError, TimedOutError):
        return Ended(ErrandOutcome.DONE)
