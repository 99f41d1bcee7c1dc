"""A PC/SC service that is stopped and started again under a program, which asks it for one context meanwhile."""

import pytest
from smartcard import scard

from drivers.reader.errors import NoReaderError
from drivers.reader.port import Look, Presence
from drivers.reader.transport.pcsc import PcscBackend
from sim.reader.pcscd import answers, running_service
from sim.stories.patience import LIMIT_S
from tests.fakes.cards.pcsc import TURN_S

pytestmark = pytest.mark.pcsc


def test_a_service_that_went_away_is_used_again_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    established = 0
    establish = scard.SCardEstablishContext

    def count(scope: int) -> tuple[int, int]:
        nonlocal established
        established += 1
        result: tuple[int, int] = establish(scope)
        return result

    monkeypatch.setattr(scard, "SCardEstablishContext", count)
    backend = PcscBackend()
    with running_service(TURN_S) as readers:
        name = readers[max(readers)]
        for _ in range(20):
            assert backend.look(name).presence is Presence.EMPTY
            assert backend.wait_for_change(name, Look(Presence.EMPTY), 0.01).presence is Presence.EMPTY
            assert name in backend.readers()
        assert established == 1
    if answers():
        pytest.skip("the machine's own service cannot be stopped")
    assert backend.look(name).presence is Presence.NO_READER
    assert backend.wait_for_change(name, Look(Presence.EMPTY), LIMIT_S).presence is Presence.NO_READER
    with pytest.raises(NoReaderError):
        backend.readers()
    with running_service(TURN_S):
        assert backend.wait_for_change(name, Look(Presence.NO_READER), LIMIT_S).presence is Presence.EMPTY
        assert name in backend.readers()
