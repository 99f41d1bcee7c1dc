"""Errand context: what every step of an errand is given, and the context of its views; the card that it is about.

>>> context = ViewContext("unblock").at(2, 4)
>>> context.name("puk"), context.title
('unblock.puk', Say(key='errand.unblock', args=()))
"""

from dataclasses import dataclass, replace
from typing import Literal, Protocol, Self, TypedDict

from drivers.reader.model import CardFacts
from fleet.messages.vocabulary import ErrandOutcome
from kiosk.ports import Ask, Ended, ErrandLog, Order
from kiosk.receipts import Receipt
from kiosk.steps.capabilities import Capabilities, StopError
from kiosk.views import Button, Point, Say, Step, Tell, say

TEST_ALONE = ("task.code", "task.test")
"""What is listed where nothing is written: the code and the test."""


class ViewHead(TypedDict):
    """Fields of a view that its context gives."""

    name: str
    errand: Say
    step: Step | None
    title: Say
    lead: tuple[Say, ...]


@dataclass(frozen=True, slots=True)
class ViewContext:
    """The errand (its id begins the name of each view), the step it is at, and who attends."""

    errand: str
    step: Step | None = None
    attended_by: str | None = None
    tasks: tuple[str, ...] = TEST_ALONE
    """What is listed while the card works, in order: keys of texts."""

    def name(self, view: str) -> str:
        """The stable name of a view."""
        return f"{self.errand}.{view}"

    @property
    def title(self) -> Say:
        """The errand in the status strip."""
        return say(f"errand.{self.errand}")

    def head(self, view: str, title: Say, *lead: Say) -> ViewHead:
        """Return the fields that every view of the errand has, as in
        `Tell(**context.head("done", say("done.title"), say("done.lead")), ...)`."""
        return {"name": self.name(view), "errand": self.title, "step": self.step, "title": title, "lead": lead}

    def at(self, step: int, of: int) -> Self:
        """The same errand, at a step."""
        return replace(self, step=Step(step, of))

    def forward(self) -> Self:
        """The same errand, one step further; at its last one it stays there."""
        assert self.step is not None, "an errand without steps goes no step further"
        return self.at(min(self.step.at + 1, self.step.of), self.step.of)

    def testing_alone(self) -> Self:
        """The same, where the code is one that was not set now."""
        return replace(self, tasks=TEST_ALONE)

    def ending(self) -> Self:
        """The same errand after its last step: no pips."""
        return replace(self, step=None)

    def stop(
        self,
        reason: str,
        outcome: ErrandOutcome = ErrandOutcome.REFUSED,
        *,
        badge: Literal["warning", "failure"] = "warning",
        icon: str = "alert",
        **facts: Say | str | int,
    ) -> StopError:
        """The errand ends: `stop.REASON.title` and `.lead` say what happened and what it means, `.do` what to do. `facts` fill
        the lead."""
        view = Tell(
            **self.ending().head(f"stop.{reason}", say(f"stop.{reason}.title"), say(f"stop.{reason}.lead", **facts)),
            badge=badge,
            badge_icon=icon,
            points=(Point(say(f"stop.{reason}.do"), bullet="number"),),
            primary=Button("end", say("button.end"), "check"),
            sends_on=True,
        )
        return StopError(outcome, reason, view)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrandContext(ViewContext):
    """The errand that runs: its one question, the station's capabilities and the journal, at the step where its views are."""

    ask: Ask
    caps: Capabilities
    log: ErrandLog

    async def end(
        self,
        reason: str = "",
        outcome: ErrandOutcome = ErrandOutcome.DONE,
        *,
        order: Order | None = None,
        receipt: Receipt | None = None,
        then: str = "",
    ) -> Ended:
        """Commit how the errand ended, before it is told."""
        ended = Ended(outcome, reason, order=order, receipt=receipt.number if receipt else None, then=then)
        await self.log.end(ended)
        return ended

    def go_to(self, views: ViewContext) -> Self:
        """The same errand, whose views are of that context from here on."""
        return replace(self, errand=views.errand, step=views.step, attended_by=views.attended_by, tasks=views.tasks)


class CardHolder(Protocol):
    """Somebody with a card, as an order or a card tells."""

    @property
    def hsa_id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def card_number(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """The card that an errand is about, and its holder. `name` is None where the identity is protected."""

    card_number: str
    hsa_id: str
    name: str | None

    @classmethod
    def of(cls, facts: CardFacts, *, protected: bool = False) -> Self:
        """As the card itself tells."""
        return cls(facts.card_number, facts.holder.hsa_id, None if protected else facts.holder.name or None)
