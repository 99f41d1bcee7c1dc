"""Smart card library: PKCS#15 (ISO/IEC 7816-15) and PIV cards over PC/SC. Its public names are in `__all__`; see README.md.

Each name is loaded when it is first asked for, so that a program that needs only outcomes loads neither pyscard nor
cryptography.

>>> from drivers.reader import Accepted
>>> Accepted() == Accepted(new_code_set=True)
True
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.reader.card_reader import CardReader, CardTest, ReaderSettings, try_card, visiting
    from drivers.reader.card_state import (
        CardAbsent,
        CardLocked,
        CardMute,
        CardRead,
        CardState,
        CardSwapped,
        CardUnreadable,
    )
    from drivers.reader.card_visit import CardVisit
    from drivers.reader.certificates.trust_store import TrustStore, load_certificates
    from drivers.reader.errors import (
        CardAnswerError,
        CardBusyError,
        CardChangedError,
        CardGoneError,
        CommandRefusedError,
        LedgerError,
        MuteCardError,
        NoCardError,
        NoReaderError,
        ReaderError,
        UnknownCardError,
    )
    from drivers.reader.model import CardFacts, Certificate, Holder, Pin
    from drivers.reader.outcomes import (
        Accepted,
        CodeOutcome,
        Locked,
        RefusalReason,
        Refused,
        Role,
        Signed,
        SignOutcome,
        Unknown,
        WrongCode,
    )
    from drivers.reader.pin.try_ledger import FileLedger, MemoryLedger, TryLedger
    from drivers.reader.port import Backend, CardConnection, Presence, Visit
    from drivers.reader.profiles import Profiles
    from drivers.reader.secret import Secret
    from drivers.reader.synchronous import ListedReader, OpenCard, list_cards, open_card
    from drivers.reader.transport.pcsc import PcscBackend

__all__ = [
    "Accepted",
    "Backend",
    "CardAbsent",
    "CardAnswerError",
    "CardBusyError",
    "CardChangedError",
    "CardConnection",
    "CardFacts",
    "CardGoneError",
    "CardLocked",
    "CardMute",
    "CardRead",
    "CardReader",
    "CardState",
    "CardSwapped",
    "CardTest",
    "CardUnreadable",
    "CardVisit",
    "Certificate",
    "CodeOutcome",
    "CommandRefusedError",
    "FileLedger",
    "Holder",
    "LedgerError",
    "ListedReader",
    "Locked",
    "MemoryLedger",
    "MuteCardError",
    "NoCardError",
    "NoReaderError",
    "OpenCard",
    "PcscBackend",
    "Pin",
    "Presence",
    "Profiles",
    "ReaderError",
    "ReaderSettings",
    "RefusalReason",
    "Refused",
    "Role",
    "Secret",
    "SignOutcome",
    "Signed",
    "TrustStore",
    "TryLedger",
    "Unknown",
    "UnknownCardError",
    "Visit",
    "WrongCode",
    "list_cards",
    "load_certificates",
    "open_card",
    "try_card",
    "visiting",
]

_MODULES = (
    "outcomes",
    "errors",
    "secret",
    "model",
    "port",
    "pin.try_ledger",
    "card_state",
    "profiles",
    "certificates.trust_store",
    "card_visit",
    "card_reader",
    "transport.pcsc",
    "synchronous",
)
"""Where public names are defined, the cheapest to import first."""


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in _MODULES:
            defined = vars(import_module(f"{__name__}.{module}"))
            if name in defined:
                return defined[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
