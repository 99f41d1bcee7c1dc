"""Synchronous interface of the library: `list_cards` and `open_card`, over the asynchronous `CardReader`.

For a program with one card and no event loop. What is true of visits is true here: floors, consent, the same card, outcomes as
values, faults as `ReaderError`. Tries that a card does not tell are counted in the user's own file, also after the program's end.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from drivers.reader.card_reader import CardReader, ReaderSettings
from drivers.reader.errors import NoCardError, NoReaderError
from drivers.reader.model import CardFacts, Certificate, Purpose
from drivers.reader.outcomes import CodeOutcome, Role, SignOutcome
from drivers.reader.pin.try_ledger import FileLedger
from drivers.reader.port import Backend, Presence
from drivers.reader.secret import Secret
from drivers.reader.system import state_directory
from drivers.reader.transport.pcsc import PcscBackend

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ListedReader:
    """A reader, and what is in it."""

    name: str
    presence: Presence

    @property
    def has_card(self) -> bool:
        """True while a card is in it that answers."""
        return self.presence is Presence.PRESENT


def list_cards(backend: Backend | None = None) -> tuple[ListedReader, ...]:
    """Every reader, and whether it holds a card. No card is touched. Raises NoReaderError without a PC/SC service."""
    backend = backend or PcscBackend()
    return tuple(ListedReader(name, backend.look(name).presence) for name in backend.readers())


def open_card(
    reader: str | None = None, *, settings: ReaderSettings | None = None, backend: Backend | None = None
) -> "OpenCard":
    """Identify the card in that reader, or in the first that holds one. Close it, or use it in a `with`.

    Raises NoReaderError, NoCardError, MuteCardError, CardBusyError, UnknownCardError, CardAnswerError, CardGoneError, and
    RuntimeError within a running event loop: there `CardReader` is the interface.
    """
    backend = backend or PcscBackend()
    if reader is None:
        listed = list_cards(backend)
        if not listed:
            raise NoReaderError("there are no readers")
        reader = next((entry.name for entry in listed if entry.has_card), None)
    if reader is None:
        raise NoCardError("no reader holds a card")
    settings = settings or ReaderSettings(ledger=FileLedger(state_directory() / "tries.json"))
    return OpenCard(CardReader(backend, reader, settings))


class OpenCard:
    """One card from identification until `close`. Made by `open_card`."""

    def __init__(self, reader: CardReader) -> None:
        self._runner = asyncio.Runner()
        self._reader = reader
        try:
            self._visit = self._run(reader.visit())
            self._run(self._visit.read_rest())
        except BaseException:
            self._end()
            raise

    @property
    def facts(self) -> CardFacts:
        """Facts known of the card now: holder, codes with the tries that are left, certificates, rules of its product."""
        return self._visit.facts

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Certificates of the card, also such as identification leaves out. Raises CardGoneError, CardAnswerError."""
        return self._run(self._visit.complete()).certificates

    def verify_pin(
        self,
        pin: str | Secret,
        role: Role = Role.IDENTIFICATION,
        *,
        last_try_consented: bool = False,
        other_form: bool = False,
    ) -> CodeOutcome:
        """Verify a PIN, as `Visit.verify`. Raises CardGoneError where the card left before it went out."""
        how = {"last_try_consented": last_try_consented, "other_form": other_form}
        return self._run(self._visit.verify(role, _secret(pin), **how))

    def change_pin(
        self,
        pin: str | Secret,
        new: str | Secret,
        role: Role = Role.IDENTIFICATION,
        *,
        last_try_consented: bool = False,
    ) -> CodeOutcome:
        """Set a new PIN by the old one. Raises CardGoneError, CardChangedError before they went out."""
        return self._run(self._visit.change(role, _secret(pin), _secret(new), last_try_consented=last_try_consented))

    def unblock(
        self, puk: str | Secret, new: str | Secret, role: Role = Role.IDENTIFICATION, *, attended: bool = False
    ) -> CodeOutcome:
        """Set a new PIN by the PUK, where the card's product lets its holder, or `attended` an administrator. Raises as
        `change_pin`."""
        return self._run(self._visit.unblock(role, _secret(puk), _secret(new), attended=attended))

    def sign(self, message: bytes, purpose: Purpose = "identification") -> SignOutcome:
        """Hash and sign with the key of a purpose, after its PIN. Raises CardGoneError, CardAnswerError."""
        return self._run(self._visit.sign(purpose, message))

    def draft_profile(self) -> str:
        """A product profile for this card, as TOML, with the forms in which it has signed. Sends nothing."""
        return self._visit.draft_profile()

    def close(self) -> None:
        """Reset the card and let it go. Does nothing the second time."""
        if not self._visit.closed:
            self._run(self._visit.close())
            self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self) -> None:
        self._run(self._reader.close())
        self._runner.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._runner.run(work)
        finally:
            work.close()


def _secret(code: str | Secret) -> Secret:
    return code if isinstance(code, Secret) else Secret(code)
