"""A session and a made-up board with a line between them, and time that passes when a test says so."""

from drivers.cabinet.board_session import BoardSession
from drivers.cabinet.connection_events import ConnectionEvent, SensorReport, SessionStarted
from drivers.cabinet.pairing import Pairing
from tests.fakes.cabinet.board_peer import PAIRING, BoardPeer


class Talk:
    """See the module. `seen` is all that happened."""

    def __init__(self, peer: BoardPeer | None = None, pairing: Pairing | None = PAIRING) -> None:
        self.peer = peer or BoardPeer()
        self.now = 0.0
        nonces = iter(range(1, 10**6))
        self.session = BoardSession(pairing, now=0.0, nonce=lambda: next(nonces).to_bytes(16, "little"))
        self.seen: list[ConnectionEvent] = []

    def settle(self, *, cut: bool = False) -> list[ConnectionEvent]:
        """Carry bytes to and fro until nothing more is said (`cut`: the board's answers are lost). Gives what happened."""
        fresh: list[ConnectionEvent] = []
        while out := self.session.take_outgoing():
            answer = self.peer.take(out)
            if not cut:
                fresh += self.session.receive(answer, self.now)
        self.seen += fresh
        return fresh

    def hears(self, data: bytes) -> list[ConnectionEvent]:
        """The board says something by itself."""
        fresh = self.session.receive(data, self.now)
        self.seen += fresh
        return fresh + self.settle()

    def pass_time(self, seconds: float, *, cut: bool = False) -> list[ConnectionEvent]:
        """Let time pass, as often as the session wants to be woken."""
        until, fresh = self.now + seconds, []
        while self.now < until:
            self.now = min(until, max(self.session.due, self.now + 0.001))
            ticked = self.session.tick(self.now)
            self.seen += ticked
            fresh += ticked + self.settle(cut=cut)
        return fresh

    def joined(self) -> "Talk":
        assert [type(one) for one in self.settle()] == [SessionStarted, SensorReport]
        return self
