"""One card on one connection, whatever its kind: identified here, and handed on as a `CardSession`.

A card is asked for its PIV application first (one exchange, which no other card minds), then looked through as a
PKCS#15 card; the other way round where a profile of a PKCS#15 product names its answer to reset. That is but the order: what
a card is says what it holds. An application without any certificate does not stand in the way of one that has some.
"""

from contextlib import suppress

from drivers.reader.card_session import CardSession
from drivers.reader.channel import ApduChannel
from drivers.reader.errors import UnknownCardError
from drivers.reader.ledger import TryLedger
from drivers.reader.memory import CardCaches
from drivers.reader.piv.session import open_piv
from drivers.reader.pkcs15.session import open_pkcs15
from drivers.reader.profiles import Profiles


def open_session(
    channel: ApduChannel, *, profiles: Profiles, ledger: TryLedger, memories: CardCaches | None = None
) -> CardSession:
    """Find the application, read it and match a profile. What was read of a card in `memories` is not read again.

    Raises UnknownCardError (with ATR and what was tried), CardGoneError, CardAnswerError.
    """
    known = memories or CardCaches()
    likely = next(iter(profiles.hinted(channel.connection.atr)), None)
    if likely is not None and likely.kind == "pkcs15":
        with suppress(UnknownCardError):
            session = open_pkcs15(channel, profiles=profiles, ledger=ledger, memory=known.pkcs15, forms=known.forms)
            if session.facts.certificates:
                return session
    piv = open_piv(channel, profiles=profiles, ledger=ledger, memory=known.piv)
    if piv is not None and piv.facts.certificates:
        return piv
    try:
        return open_pkcs15(channel, profiles=profiles, ledger=ledger, memory=known.pkcs15, forms=known.forms)
    except UnknownCardError as stranger:
        again = open_piv(channel, profiles=profiles, ledger=ledger) if piv is not None else None
        if again is not None:
            return again
        stranger.tried = ("PIV", *stranger.tried)
        raise
