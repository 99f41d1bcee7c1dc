"""A slice of `make kill-campaign`: server, broker and database are killed while stations send; nothing is lost or doubled."""

from pathlib import Path

import pytest

from campaigns.faults.kill_campaign import campaign, embedded
from tests.fakes.server.postgres import cluster


@pytest.mark.broker
def test_killing_server_broker_and_database_loses_nothing(tmp_path: Path) -> None:
    with cluster() as postgres, embedded(tmp_path, postgres) as target:
        said = campaign(target, kills=3, stations=6, seed=7)
    assert (said["code"], said["verified"], said["differences"], said["unheld"]) == (0, True, [], 0)
    assert said["connections"] > 6
    assert said["ordered"] > 0
    assert said["unanswered"] == []
    assert said["answered"] == said["ordered"]
