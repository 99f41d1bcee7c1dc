"""Cards for the tests of the virtual card. One authority and one RSA card's keys serve the whole session."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sim.reader import card_memory as state
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from tests.drivers.reader.conftest import ledger, reader, slot

__all__ = ["ledger", "reader", "slot"]

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def authority() -> TestAuthority:
    return TestAuthority.create(NOW)


@pytest.fixture(scope="session")
def _files(tmp_path_factory: pytest.TempPathFactory, authority: TestAuthority) -> Callable[[str, str], Path]:
    """A card file of a kind and an algorithm, made once."""
    folder = tmp_path_factory.mktemp("cards")

    def file(kind: str, algorithm: str) -> Path:
        path = folder / f"{kind}-{algorithm}.json"
        if not path.exists():
            persona = replace(person(1).new, key_algorithm=algorithm)  # type: ignore[arg-type]
            VirtualCard.create(persona, authority, NOW, kind=kind, path=path)
        return path

    return file


@pytest.fixture
def make_card(_files: Callable[[str, str], Path]) -> Callable[..., VirtualCard]:
    """A fresh card, powered; its tries are full and its codes those of the persona."""

    def make(
        algorithm: str = "EC-P256", *, kind: str = "B", path: Path | None = None, protocol: str = "T=1"
    ) -> VirtualCard:
        memory = state.read(_files(kind, algorithm))
        card = VirtualCard(memory, path=path, protocol=protocol)  # type: ignore[arg-type]
        if path is not None:
            card.save()
        card.power_on()
        return card

    return make


@pytest.fixture
def card(make_card: Callable[..., VirtualCard]) -> VirtualCard:
    return make_card()
