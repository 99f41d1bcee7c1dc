"""Updates from the command line: ordered for several stations or for none, signed by the server that runs, and listed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from joserfc import jws
from sqlalchemy import insert

from fleet.messages.commands import Command
from fleet.messages.link import StationState, UpdateState, decode
from fleet.server.cli import main
from fleet.server.commands.dispatcher import CommandDispatcher
from fleet.server.database.database import FILE_NAME, Database
from fleet.server.stations.service import add_stations
from fleet.server.stations.tables import stations
from fleet.server.updates.model import StoredBundle
from tests.fakes.server.commands import SIGNER
from tests.fakes.server.databases import new_store
from tests.fleet.server.conftest import KeptChanges, MemoryTransport

NOW = datetime.now(UTC).replace(microsecond=0)
PI = UpdateState("kortkiosk-arm64", "A")
STATE = StationState("Entre", "1.0", "b", NOW.isoformat(), image="2026.47", update=PI)
BUNDLES = tuple(StoredBundle("kortkiosk-arm64", f"2026.{week}", f"{week}" * 32, 310_000_000, NOW) for week in (46, 48))
Run = Callable[..., tuple[int, str]]


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Three stations: two that run from an image, and one that does not."""
    database = new_store(tmp_path / FILE_NAME)
    states = {"entre-a": STATE, "entre-b": STATE, "entre-c": msgspec.structs.replace(STATE, update=None)}
    with database.writing.begin() as connection:
        for name, state in states.items():
            said = msgspec.json.encode(state).decode()
            connection.execute(insert(stations).values(name=name, state=said, heard=NOW))
        add_stations(connection, ["entre-d"])
    (tmp_path / "updates").mkdir()
    for bundle in BUNDLES:
        (tmp_path / "updates" / f"{bundle.sha256}.json").write_bytes(msgspec.json.encode(bundle))
    return database


@pytest.fixture
def run(database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str]:
        code = main(["update", *words, "--data", str(tmp_path)])
        said = capsys.readouterr()
        return code, said.out + said.err

    return call


ORDER = ("--reason", "security", "--port", "8444")


def test_one_bundle_is_ordered_for_several_and_goes_out_signed(run: Run, database: Database) -> None:
    assert run("order", "4848", "entre-a", "entre-b", "entre-a", *ORDER, "--now") == (
        0, "2026.48 is ordered for 2 stations\n",
    )  # fmt: skip
    transport = MemoryTransport()
    CommandDispatcher(database, transport, SIGNER, KeptChanges(), lambda: NOW).step()
    orders = [decode(Command, jws.extract_compact(payload).payload) for _, payload, *_ in transport.published]
    assert {(order.station, order.update.version, order.update.now) for order in orders if order.update} == {
        ("entre-a", "2026.48", True),
        ("entre-b", "2026.48", True),
    }
    code, said = run("list", "--json")
    told = {one["station"]: (one["image"], one["version"], one["state"]) for one in json.loads(said)["stations"]}
    assert (code, told) == (
        0, {"entre-a": ("2026.47", "2026.48", "waiting"), "entre-b": ("2026.47", "2026.48", "waiting")},
    )  # fmt: skip
    assert run("list")[1].splitlines()[0] == "entre-a  2026.47  2026.48  waiting"


def test_nothing_is_ordered_while_one_cannot_take_it(run: Run) -> None:
    code, said = run("order", "48" * 32, "entre-a", "entre-c", "entre-d", "entre-x", *ORDER)
    assert code == 3
    assert [line.strip() for line in said.splitlines()[1:]] == [
        "entre-c: no_image", "entre-d: no_image", "entre-x: unknown",
    ]  # fmt: skip
    code, said = run("order", "46", "entre-a", *ORDER)
    assert (code, "entre-a: older" in said) == (3, True)
    assert "2026.48" not in run("list")[1]
    assert run("order", "46", "entre-a", *ORDER, "--older")[0] == 0


@pytest.mark.parametrize("digest", ["", "77", "zz"])
def test_a_bundle_that_is_not_there_or_not_the_only_one_is_refused(run: Run, digest: str) -> None:
    assert run("order", digest, "entre-a", *ORDER)[0] == 2


@pytest.mark.parametrize("more", [("--port", "0"), ("--port", "http"), ("--reason", " ")])
def test_what_no_order_can_have_is_refused(run: Run, more: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("order", "4848", "entre-a", *ORDER, *more)
    assert ended.value.code == 2
