"""The slice of `make schemathesis` that always runs: every route, each value at its edges and beyond, few random requests."""

from pathlib import Path

import pytest

from tests.fleet.server.app.schema_campaign import filled_app, findings

EXAMPLES = 2


@pytest.mark.timeout(
    3600
)  # its work is bounded: the same seed makes the same requests, thousands, on a busy machine too
def test_the_server_does_what_its_description_says(tmp_path: Path) -> None:
    with filled_app(tmp_path) as (app, token):
        found, made = findings(app, token, EXAMPLES, ("coverage", "fuzzing"))
    assert found == []
    assert made["coverage"] > 400
    assert made["fuzzing"] >= 16
