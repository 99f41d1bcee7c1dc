"""Read models of requests to the issuer: holds, blocks, lifts, hand-overs and letters in the queue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from fleet.messages.asking import BlockAsk, HoldAsk, IdentifiedAsk, LetterAsk, LiftAsk
from fleet.server.issuers.tables import HANDED_OVER


class HandoverReport(IdentifiedAsk, frozen=True, forbid_unknown_fields=True, tag=HANDED_OVER, kw_only=True):
    """A card that its holder has got, as people have proved (`ReceivedAsk`): told to the issuer. `handed_over`: RFC 3339.

    `attested_by`: HSA-ids of those who did; None of a report that an earlier version took from events: nobody has proved it.
    """

    card_number: str
    order: str
    hsa_id: str
    handed_over: str
    attested_by: tuple[str, ...] | None = None
    receipt: str = ""


CardChange = BlockAsk | HoldAsk | LiftAsk
Queueable = CardChange | HandoverReport | LetterAsk


RequestState = Literal["waiting", "done", "declined"]


Channel = Literal["interface", "portal"]
"""How an issuer hears of something: `portal` is a web application for people, without an interface for programs."""


STATES: tuple[RequestState, ...] = ("waiting", "done", "declined")


OWN = ":"
"""In `who`: the server asked by itself, for a rule or an account. No HSA-id has it."""


class RequestKey(NamedTuple):
    """Station (empty where no station is known) and id of the wish."""

    station: str
    id: str


@dataclass(frozen=True, slots=True)
class RequestRow:
    """One request. `due` is the next try, None once it is settled; `error` why the last try came to nothing, or why it was
    declined."""

    station: str
    id: str
    ask: str
    content: Queueable
    card_number: str
    who: str
    made: datetime
    state: RequestState
    tries: int
    due: datetime | None
    tried: datetime | None
    error: str | None
    by: str = ""
    """The HSA-id in whose name it is done; empty where nobody has shown who they are."""

    @property
    def key(self) -> RequestKey:
        return RequestKey(self.station, self.id)

    @property
    def by_rule(self) -> bool:
        """True where a deadline asked, and no person."""
        return self.who.startswith("rule:")

    @property
    def own(self) -> bool:
        """True where the server asked by itself; else a station did."""
        return OWN in self.who
