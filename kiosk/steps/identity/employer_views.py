"""The views of a card that names several employers: for which one, and what is said where the person does not know."""

from collections.abc import Sequence

from drivers.reader.model import Holder
from kiosk.steps.context import ViewContext
from kiosk.steps.view_helpers import cancel_button
from kiosk.views import Button, Choose, Note, Option, Say, say


def employer(context: ViewContext, holders: Sequence[Holder]) -> Choose:
    """For which employer, by the names that their certificates give (design, 35-which-employer). The answer is an HSA-id."""
    return Choose(
        **context.head("employer", say("employer.title"), say("employer.lead")),
        attended_by=context.attended_by,
        options=tuple(_employer(holder, [other.organisation for other in holders]) for holder in holders),
        note=Note(say("employer.note")),
        way_out=cancel_button(),
        side=Button("unknown", say("employer.unknown")),
        waits_for=say("employer.waits"),
    )


def _employer(holder: Holder, names: Sequence[str]) -> Option:
    """By name; two of one name, or without any, by HSA-id: the smallest panel shows no detail."""
    name, hsa_id = (
        say("employer.one", name=holder.organisation),
        say("employer.hsa_id", hsa_id=holder.hsa_id.replace("-", "-\n")),
    )
    title, detail = (name, hsa_id) if names.count(holder.organisation) == 1 else (hsa_id, name)
    return Option(holder.hsa_id, title, detail if holder.organisation else None, "office-building-outline")


def with_employer(errand: Say | None, name: str) -> Say | None:
    """The errand in the status strip, and for whom."""
    return errand and say("employer.strip", errand=errand, name=name)
