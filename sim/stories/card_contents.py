"""Contents of a virtual card, as a reader finds them: looked at without the station."""

from drivers.reader.card_reader import open_session
from drivers.reader.model import CardFacts
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import Profiles, builtin
from drivers.reader.transport.channel import ApduChannel
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.slot import VirtualSlot


def held(card: VirtualCard, profiles: Profiles | None = None) -> list[bytes]:
    """DER of every certificate on the card. Without profiles those that ship."""
    return [certificate.der for certificate in facts_of(card, profiles).certificates]


def facts_of(card: VirtualCard, profiles: Profiles | None = None) -> CardFacts:
    """All that a reader finds, its chains not judged."""
    slot = VirtualSlot("a look")
    slot.insert(card)
    connection = InProcessBackend([slot]).connect(slot.name)
    try:
        channel = ApduChannel(connection, reader=slot.name)
        session = open_session(channel, profiles=profiles or builtin(), ledger=MemoryLedger())
        return session.complete()
    finally:
        connection.close()
