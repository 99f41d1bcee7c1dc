"""A reader whose connections can be changed while it is used."""

from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend, InProcessConnection
from sim.reader.slot import VirtualSlot


class SwitchingBackend(InProcessBackend):
    """A reader that goes on with another card on the same connection, as no honest reader does."""

    def __init__(self, slot: VirtualSlot, second: VirtualCard) -> None:
        super().__init__([slot])
        self.second = second
        self.switched = False

    def connect(self, reader: str) -> InProcessConnection:
        connection = super().connect(reader)
        real = connection.transmit
        self.second.power_on()
        connection.transmit = lambda apdu: (self.second.transmit if self.switched else real)(apdu)  # type: ignore[method-assign]
        return connection
