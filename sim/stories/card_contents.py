"""What a virtual card holds, as a reader finds it: looked at without the station."""

from drivers.reader.card_reader import open_session
from drivers.reader.model import CardFacts
from drivers.reader.pin.try_ledger import MemoryLedger
from drivers.reader.profiles import builtin
from drivers.reader.transport.channel import ApduChannel
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.slot import VirtualSlot


def held(card: VirtualCard) -> list[bytes]:
    """DER of every certificate on the card."""
    return [certificate.der for certificate in facts_of(card).certificates]


def facts_of(card: VirtualCard) -> CardFacts:
    """All that a reader finds, its chains not judged."""
    slot = VirtualSlot("a look")
    slot.insert(card)
    connection = InProcessBackend([slot]).connect(slot.name)
    try:
        session = open_session(ApduChannel(connection, reader=slot.name), profiles=builtin(), ledger=MemoryLedger())
        return session.complete()
    finally:
        connection.close()
