"""Exceptions of the reader layer: one family, `ReaderError`.

An exception carries which command and which reader, and the status word where there is one; never command data, never
card data. Expected outcomes are values, in `drivers.reader.outcomes`.
"""

from typing import Literal

from drivers.reader.model import Exchange

Guard = Literal["", "secure_messaging", "pace"]
"""What a card wants before it shows its files, which this program does not do; empty where nothing says so."""


class ReaderError(Exception):
    """Base of all faults of cards and readers."""

    def __init__(self, message: str, *, reader: str = "", command: str = "", status: int | None = None) -> None:
        where = f" [{reader}]" if reader else ""
        during = f" during {command}" if command else ""
        word = f", status {status:04X}" if status is not None else ""
        super().__init__(f"{message}{during}{word}{where}")
        self.reader = reader
        self.command = command
        self.status = status


class NoReaderError(ReaderError):
    """There is no such reader (unplugged, or the name is wrong), or no PC/SC service."""


class NoCardError(ReaderError):
    """No card in the reader."""


class MuteCardError(ReaderError):
    """Mute card: it is there and does not answer; often it is in backwards."""


class CardGoneError(ReaderError):
    """The card left, was reset or stopped answering in the middle: the outcome of the command is unknown."""


class CardBusyError(ReaderError):
    """Sharing violation: another program holds the card."""


class CardChangedError(ReaderError):
    """The card in the reader is not the one that was identified at the start of the visit (reliability I2)."""


class UnknownCardError(ReaderError):
    """A card that this program does not understand. Nothing was written to it."""

    def __init__(
        self,
        message: str,
        *,
        reader: str = "",
        atr: bytes = b"",
        tried: tuple[str, ...] = (),
        why: Guard = "",
        product: str = "",
    ) -> None:
        super().__init__(message, reader=reader)
        self.atr = atr
        self.tried = tried
        self.why = why
        self.product = product
        """The profile that its answer to reset names; empty for a stranger."""
        self.exchange = Exchange()
        """What it cost to find out."""


class LedgerError(ReaderError):
    """The station's own count of tries cannot be read or kept. No code was sent."""


class CardAnswerError(ReaderError):
    """The card answered something that its standard does not allow, or too much of it."""


class CardSlowError(CardAnswerError):
    """The card has answered, but so slowly that the work with it has an end: it was given up between two commands."""


class CommandRefusedError(ReaderError):
    """The card refused a command that the reading of it needs."""
