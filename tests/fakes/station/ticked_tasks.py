"""A person who believes no tick: what a list of tasks ticks must have been answered by card, verifier, issuer or journal."""

import contextlib
import sqlite3
from typing import Any

from kiosk.views import Busy, View
from sim.reader.cards import LogEntry
from sim.stories.devices import LetterVerifier
from sim.stories.issuer import SimulatedIssuer
from sim.stories.person import Person
from sim.stories.room import Room

OK = 0x9000


class Witness(Person):
    """`false_ticks` are the tasks that were ticked before anybody had said so. `room` is given before the first list comes up."""

    def __init__(self, *about: Any) -> None:
        super().__init__(*about)
        self.room: Room | None = None
        self.false_ticks: list[str] = []
        self.ticked: set[str] = set()
        self._key_is_made = False
        """Once it is, whatever card is in the reader afterwards: while a portal is waited for it may be another."""

    async def show(self, view: View[Any]) -> Any:
        if isinstance(view, Busy):
            for key in (task.text.key for task in view.tasks if task.state == "done"):
                self.ticked.add(key)
                if not self._answered(key):
                    self.false_ticks.append(f"{key} at {view.name}")
        return await super().show(view)

    def _answered(self, key: str) -> bool:
        """Whether the one who knows has said so in this room."""
        assert self.room is not None
        issuer = self.room.caps.issuer
        match key:
            case "task.puk":
                return self._matched() or self._took("RESET RETRY COUNTER")
            case "task.code":
                return self._took("VERIFY")
            case "task.mandate":
                return bool(
                    self._journal("SELECT 1 FROM outbox WHERE CAST(envelope AS TEXT) LIKE '%identity.attested%'")
                )
            case "task.write":
                return self._has_new_code()
            case "renew.task.key":
                self._key_is_made |= any("GENERATE" in entry.ins and entry.sw == OK for entry in self._log())
                return self._key_is_made
            case "renew.task.fetch":
                return isinstance(issuer, SimulatedIssuer) and bool(issuer.issued)
            case "renew.task.write":
                return self._concluded("card.write_certificate")
            case _:
                raise AssertionError(f"nobody says whether {key} is done: add who does")

    def _took(self, command: str) -> bool:
        """The card in the reader has done that command."""
        return any((entry.ins, entry.sw) == (command, OK) for entry in self._log())

    def _log(self) -> list[LogEntry]:
        card = self.world.slots["holder"].card
        return [] if card is None else card.log

    def _matched(self) -> bool:
        assert self.room is not None
        return isinstance(self.room.caps.envelopes, LetterVerifier) and self.room.caps.envelopes.matches > 0

    def _has_new_code(self) -> bool:
        """The journal has the write, and the holder was not told that the old code applies all the same."""
        kept = any(name.endswith(".old_code_applies") for name in self.names)
        return not kept and (self._concluded("card.unblock") or self._concluded("card.change"))

    def _concluded(self, effect: str) -> bool:
        done = self._journal("SELECT 1 FROM effect WHERE name = ? AND outcome IN ('accepted', 'written')", effect)
        return bool(done)

    def _journal(self, query: str, *about: str) -> list[Any]:
        """As it is on the disk at this moment."""
        assert self.room is not None
        with contextlib.closing(sqlite3.connect(self.room.store.path)) as file:
            return file.execute(query, about).fetchall()
