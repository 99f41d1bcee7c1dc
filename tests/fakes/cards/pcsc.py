"""PC/SC for tests: a real pcscd with virtual readers, started once for each module of tests where none runs."""

from collections.abc import Iterator

import pytest

from sim.reader.pcscd import NoServiceError, running_service

TURN_S = 240.0
"""Another run of the tests on this machine may have the readers for one of its modules."""


@pytest.fixture(scope="module")
def pcscd() -> Iterator[dict[int, str]]:
    """Names of the virtual readers, by the port of vpcd that a card is plugged into."""
    try:
        with running_service(TURN_S) as readers:
            yield readers
    except NoServiceError as reason:
        pytest.fail(str(reason))  # `make setup` installs it: a machine without it proves nothing
