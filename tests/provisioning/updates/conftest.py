"""One small bundle, made once."""

import pytest

from tests.fakes.machine.bundle import MadeBundle, small_bundle


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> MadeBundle:
    return small_bundle(tmp_path_factory.mktemp("bundles"))
