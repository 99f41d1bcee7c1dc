"""Read models of the worklist, and the interface that pages and programs use.

>>> ACTIONS["hold"]
('block', 'lift', 'blocked')
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, get_args

from fleet.messages.issuing import BlockReason
from fleet.server.cards.model import CardStory
from fleet.server.issuers.certificates_by_hand import RequestFile
from fleet.server.live_feed.topics import Topic, changes_with

Kind = Literal[
    "hold",
    "not_seen",
    "hold_declined",
    "handover",
    "receipt",
    "bin",
    "misplaced",
    "quarantined",
    "left",
    "in_use",
    "letter_declined",
    "letter",
    "receipt_mail",
    "certificate",
    "expired",
]
"""Why something waits. `not_seen`: a card given back by its number alone. `handover`: the issuer has not confirmed it. `in_use`:
a card has its holder's code, and nobody has handed it over. `letter`: it is to be ordered in the issuer's portal. `receipt_mail`:
it could not be mailed to its holder, who asked for that. `certificate`: its request is to be carried to the issuer's portal as a
file. `expired`: a card was not collected by its last day, and is not void yet."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Action = Literal[
    "block", "lift", "blocked", "register", "prolong", "remind", "cancel", "open_slot", "empty", "give", "close"
]
"""What brings a row to its end, or towards it. `register`: a person has done it in the issuer's portal; `blocked`: it was
blocked there; `give`: a certificate is given back as a file; `open_slot` and `empty` are done at the station."""
ACTIONS: Mapping[Kind, tuple[Action, ...]] = {
    "hold": ("block", "lift", "blocked"),
    "not_seen": ("empty",),
    "hold_declined": ("close",),
    "handover": ("register",),
    "receipt": ("remind", "block"),
    "bin": ("close",),
    "misplaced": ("cancel",),
    "quarantined": ("open_slot",),
    "left": ("block", "remind", "blocked"),
    "in_use": ("remind", "block", "blocked", "cancel"),
    "letter_declined": ("close",),
    "letter": ("register",),
    "receipt_mail": ("close",),
    "certificate": ("give", "close"),
    "expired": ("prolong", "cancel"),
}
"""The first is the one that a row shows."""
DECISIONS: frozenset[Action] = frozenset({"block", "lift", "blocked"})
"""What only a listed ID administrator does, after a step-up."""
AT_STATION: frozenset[Action] = frozenset({"open_slot", "empty"})
EXPLAINED: frozenset[Action] = frozenset({"close", "register", "blocked"})
"""What ends a row by a person's word alone: the word is written down."""
BY_FILE: frozenset[Action] = frozenset({"give"})
MOST_NOTE = 200


@dataclass(frozen=True, slots=True)
class Act:
    """Act of a person about a row: `take`, `leave`, `note`, or an action."""

    at: datetime
    who: str
    act: str
    note: str


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """One thing that waits. `subject`: card number, order, request or station, as its kind has it; `cause` a code or numbers.

    `name` is None for a protected identity, and where nobody is named.
    """

    id: str
    kind: Kind
    subject: str
    card_number: str
    hsa_id: str
    name: str | None
    station: str
    cause: str
    since: datetime
    due: datetime
    is_urgent: bool = False
    """The card is an ID administrator's."""
    is_sent: bool = False
    """A block or lift is on its way to the issuer."""
    acts: tuple[Act, ...] = ()

    @property
    def taken(self) -> Act | None:
        """Act by which somebody took the row, while they have it: who, since when."""
        last = next((act for act in reversed(self.acts) if act.act in ("take", "leave")), None)
        return last if last is not None and last.act == "take" else None


def block_reason(row: WorklistRow) -> BlockReason:
    """Why the card of a row is blocked, by why it is on hold. Whatever names no reason is a card that is lost to us."""
    if row.kind == "left":
        return "left"
    return next((reason for reason in get_args(BlockReason) if reason == row.cause), "lost")


class Worklist(Protocol):
    """Worklist as pages and the API read it and act on it. Each call is one transaction. Nothing here asks who may."""

    def within(self, patterns: frozenset[str]) -> "Worklist":
        """The same for these stations only: names, or beginnings of names with `*`."""

    @changes_with(Topic.WORKLIST, Topic.ORDERS, Topic.REQUESTS, Topic.ERRANDS, Topic.DEADLINES)
    def rows(self, *, station: str = "") -> Sequence[WorklistRow]:
        """All that waits, the shortest time first."""

    @changes_with(Topic.WORKLIST, Topic.ORDERS, Topic.REQUESTS, Topic.ERRANDS, Topic.DEADLINES)
    def row(self, id: str) -> WorklistRow | None:
        """Return that row, while it waits."""

    @changes_with(Topic.WORKLIST, Topic.ORDERS, Topic.REQUESTS, Topic.ERRANDS, Topic.DEADLINES)
    def story(self, row: WorklistRow) -> CardStory | None:
        """Return the story of the row's card; None where the row is about none."""

    @changes_with()
    def may_decide(self, hsa_id: str, station: str) -> bool:
        """Return whether that person is an ID administrator (KRA) of that station, by the region's list."""

    def record(self, row: WorklistRow, actor: str, act: str, note: str = "") -> None:
        """Write down what somebody did."""

    @changes_with()
    def request_file(self, row: WorklistRow, actor: str) -> RequestFile | None:
        """The request of a row of certificates, which that person fetches; None where it does not wait any more."""

    def give_certificate(self, row: WorklistRow, actor: str, raw: bytes) -> None:
        """The portal's file, as the answer to that request. Raises FileRefusedError: then nothing has changed."""

    def act(self, row: WorklistRow, actor: str, action: Action, note: str) -> None:
        """Do what needs no issuer, and write it down. Raises ImportRefusedError where an order cannot be prolonged."""
