"""Employer that a person acts for, where their card names several: chosen before any code.

Rules (docs/rules.md, "Two employers"): whom they have left is not offered; where one alone has what the errand needs it is taken;
else the person is asked, with nothing preselected. The status strip shows it from then on.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from kiosk.ports import Visit
from kiosk.steps.context import ErrandContext
from kiosk.steps.identity import employer_views as views
from kiosk.steps.own_card import OwnCard, act_for, find_present_holders
from kiosk.views import View

A = TypeVar("A")
U = TypeVar("U")
Fits = Callable[[str], Awaitable[bool]]
"""Whether an HSA-id has what the errand needs."""


async def choose_employer(context: ErrandContext, visit: Visit, fits: Fits | None = None) -> str:
    """The employer's name for the strip, for whom the card acts from here on; empty where it names no other. Without `fits` all
    do: nobody can know before. Raises what `ask` raises, and StopError where the person does not know."""
    if len(visit.facts.holders) < 2:
        return ""
    here = await find_present_holders(context.caps, visit.facts) or [visit.facts.holder]
    fitting = [holder for holder in here if fits is None or await fits(holder.hsa_id)] or here
    chosen = fitting[0].hsa_id
    if len(fitting) > 1:
        chosen = await context.ask(views.employer(context, fitting))
        if chosen == "unknown":
            raise context.stop("employer_not_known", icon="office-building-outline")
    visit.act_as(chosen)
    return visit.facts.holder.organisation or chosen


async def choose_own_employer(context: ErrandContext, card: OwnCard, fits: Fits) -> ErrandContext:
    """The same for the card that the errand is about; returns the errand from here on. Raises as `choose_employer`."""
    named = await choose_employer(context, card.visit, fits)
    if card.facts.holder.hsa_id != card.whose.hsa_id:
        await act_for(context, card, card.facts.holder.hsa_id)
    return show_employer(context, named)


def show_employer(context: ErrandContext, employer: str) -> ErrandContext:
    """Ask with the employer's name beside the errand's, in the status strip; as before where there is none."""

    async def asking(view: View[A], *, until: Awaitable[U] | None = None) -> A | U:
        return await context.ask(replace(view, errand=views.with_employer(view.errand, employer)), until=until)

    return replace(context, ask=asking) if employer else context
