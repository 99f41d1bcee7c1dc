"""Some dozens of simulated stations against the real server and broker: held is what was sent; a difference is seen."""

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Select, delete, select, text, update
from sqlalchemy.exc import OperationalError

from fleet.messages.vocabulary import EventType
from fleet.server.checkpoints.tables import checkpoints
from fleet.server.cli import main
from fleet.server.commands.model import CommandRequest
from fleet.server.commands.tables import commands
from fleet.server.database.database import FILE_NAME, Database, open_database
from fleet.server.events.tables import events
from fleet.server.ingest.write import Writer
from fleet.server.stations.tables import stations
from provisioning import pki
from provisioning.authority import Authority, AuthorityError
from sim.cli import simulate as simulating
from sim.cli.simulate import enrol_missing
from sim.fleet.checkpoints import SimulatedCheckpoints
from sim.fleet.identities import names
from sim.fleet.outbox import Outbox
from sim.fleet.simulation import AnsweredCommand, SentEvents
from sim.fleet.verification import differences
from sim.stories.patience import LIMIT_S
from tests.fakes.machine.ports import free_address
from tests.fakes.server.commands import TOVE, commands_of
from tests.fakes.server.receipts import signed_receipt
from tests.fakes.server.server_process import Serving
from tests.fleet.server.conftest import arrived, authority, wall_clock

__all__ = ["authority"]

CA = pki.make_ca(wall_clock())
KEY = pki.new_key()


TOLD = {"sim-00001": "sync", "sim-00002": "out_of_service", "sim-00003": "self_test", "sim-00004": "restart"}


@pytest.mark.broker
def test_what_thirty_stations_send_through_faults_is_what_the_server_holds(
    authority: Authority, tmp_path: Path
) -> None:
    serving = Serving(tmp_path / "data", authority.directory, free_address())
    serving.start()
    words = ["simulate", "--stations", "30", "--errands-per-hour", "3600", "--faults", "900", "--hasty", "--verify", "--json",
             "--data", str(serving.data), "--authority", str(authority.directory), "--broker", str(serving.mqtt),
             "--seed", "1"]  # fmt: skip
    program = [sys.executable, "-m", "fleet.server.cli", *words]
    simulator = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
    try:
        with open_database(serving.data / FILE_NAME) as database:
            command(database)
            simulator.send_signal(signal.SIGTERM)
            said = json.loads(simulator.communicate(timeout=LIMIT_S)[0])
            with database.reading.begin() as connection:
                states = {row.station: row.state for row in connection.execute(select(commands))}
    finally:
        simulator.kill()
        simulator.wait()
        serving.end(signal.SIGTERM)
    assert (simulator.returncode, said["verified"], said["differences"], said["unheld"]) == (0, True, [], 0)
    assert len(said["sent"]) == 30
    assert said["events"] > 60
    assert said["faults"] > 0
    assert said["connections"] >= 30
    assert said["checkpoints"] >= 30
    answered = {one["station"]: one["answered"][0]["outcome"] for one in said["sent"] if one["answered"]}
    assert states == answered, "a fetch of orders may have met a fault"
    assert set(answered) == set(TOLD)
    assert {states[name] for name, what in TOLD.items() if what != "sync"} == {"done"}


def command(database: Database) -> None:
    """Tell some of them something, as soon as all of these are there; until each has answered."""
    there = select(stations.c.name).where(stations.c.online, stations.c.name.in_(TOLD))
    ended = select(commands.c.station).where(commands.c.ended.is_not(None))
    desk = commands_of(database, lambda: datetime.now(UTC))
    until(database, there)
    for station, what in TOLD.items():
        message = "repair" if what == "out_of_service" else None
        desk.ask(CommandRequest(station, what, "made up for a test", message=message), TOVE)
    until(database, ended)


def until(database: Database, query: Select[tuple[str]]) -> None:
    """All of them are found, for at most half a minute."""
    moment = threading.Event()
    for _ in range(300):
        with database.reading.begin() as connection:
            if {row[0] for row in connection.execute(query)} >= set(TOLD):
                return
        moment.wait(0.1)


ANSWERED = AnsweredCommand(5, "d" * 64, "done")
TIME = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def told(tmp_path: Path) -> tuple[Path, SentEvents]:
    """A store with four events, the second a checkpoint, two of an errand, and a command; and what its station says it sent."""
    outbox = Outbox("sim-00001", 7)
    signing = SimulatedCheckpoints(lambda: (KEY, pki.issue_client(CA, "sim-00001", KEY.public_key(), wall_clock())))
    with open_database(tmp_path / FILE_NAME) as database:
        outbox.append("boot", "se.kortkiosk.test", TIME, None, {})
        signing.follow(outbox, "boot", wall_clock(), wall_clock().isoformat())
        outbox.append("boot", EventType.ERRAND_STARTED, TIME, None, {"errand": "E-1", "kind": "pickup"})
        receipt = {"errand": "E-1", "number": "R-1", "receipt": signed_receipt("sim-00001", "R-1")}
        outbox.append("boot", EventType.RECEIPT_ISSUED, TIME, None, receipt)
        for event in outbox.due(10):
            Writer(database).commit(arrived(event), wall_clock())
        commands_of(database, wall_clock).ask(CommandRequest("sim-00001", "sync", "a test"), TOVE)
        with database.writing.begin() as connection:
            answered = {"sequence": ANSWERED.sequence, "digest": ANSWERED.digest, "state": ANSWERED.outcome}
            connection.execute(update(commands).values(answered))
    return tmp_path, SentEvents("sim-00001", 7, outbox.last, outbox.digest, signing.count, (ANSWERED,))


def found(data: Path, *sent: SentEvents) -> list[str]:
    return differences(data / FILE_NAME, CA.certificate, sent, lambda seconds: None)


def changed(data: Path, change: object) -> None:
    with open_database(data / FILE_NAME) as database, database.writing.begin() as connection:
        connection.execute(change)  # type: ignore[call-overload]


def test_equal_sets_have_no_difference(told: tuple[Path, SentEvents]) -> None:
    data, sent = told
    assert found(data, sent) == []


@pytest.mark.parametrize("sequence", [1, 3, 4])
def test_an_event_that_is_lost_is_a_difference(told: tuple[Path, SentEvents], sequence: int) -> None:
    data, sent = told
    changed(data, delete(events).where(events.c.sequence == sequence))
    assert "4 events were sent in epoch 7, held are 3" in found(data, sent)[0]


def test_other_bytes_are_a_difference(told: tuple[Path, SentEvents]) -> None:
    data, sent = told
    changed(data, update(events).where(events.c.sequence == 3).values(envelope=b"{}"))
    assert found(data, sent)[0].endswith("held are other bytes")


def test_a_station_of_which_nothing_is_held_is_a_difference(told: tuple[Path, SentEvents]) -> None:
    data, _ = told
    assert found(data, SentEvents("sim-00002", 7, 1, "")) == [
        "sim-00002: 1 events were sent in epoch 7, held are 0 up to 0"
    ]


OTHER_BYTES = "4 events were sent in epoch 7, held are other bytes"
HERE = "sim-00001: {}"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE events SET data = CAST('{}' AS BLOB) WHERE sequence = 3", OTHER_BYTES),
        ("UPDATE events SET salt = replace(salt, substr(salt, 1, 1), 'z') WHERE sequence = 3", OTHER_BYTES),
        ("UPDATE events SET data = NULL, salt = NULL WHERE sequence = 3", OTHER_BYTES),
        ("UPDATE events SET data = (SELECT data FROM events WHERE sequence = 4) WHERE sequence = 3", OTHER_BYTES),
        (
            "INSERT INTO events (station, epoch, sequence, type, time, envelope, data, salt, received)"
            " SELECT station, 8, 1, type, time, envelope, data, salt, received FROM events WHERE sequence = 1",
            "events 8:1: epoch is '8', should be '7'",
        ),
        ("UPDATE chains SET head = 'f'", "chains 7: head is 'f', should be "),
        ("UPDATE chains SET highest = 9", "events 7:5-9: is not there"),
        ("UPDATE chains SET highest = 3", "chains 7: highest is '3', should be '4'"),
        ("UPDATE chains SET gaps = '[[2,2]]'", "chains 7: gaps is '2', should be ''"),
        ("DELETE FROM errands", "errands E-1: is not there"),
        ("DELETE FROM receipts", "receipts R-1: is not there"),
        ("UPDATE events SET time = '2026' WHERE sequence = 3", "events 7:3: time is '2026', should be "),
        ("UPDATE events SET errand = 'E-2' WHERE sequence = 3", "events 7:3: errand is 'E-2', should be 'E-1'"),
    ],
)
def test_content_columns_chains_and_what_follows_are_compared_too(
    told: tuple[Path, SentEvents], statement: str, said: str
) -> None:
    data, sent = told
    changed(data, text(statement))
    assert any(one.startswith(HERE.format(said)) for one in found(data, sent)), found(data, sent)


def test_a_checkpoint_that_is_missing_or_not_genuine_is_a_difference(told: tuple[Path, SentEvents]) -> None:
    data, sent = told
    changed(data, update(checkpoints).values(verdict="stranger"))
    said = "sim-00001: 1 checkpoints were sent in epoch 7, 1 held, 0 of them genuine"
    assert found(data, sent)[0] == said
    changed(data, delete(checkpoints))
    assert found(data, sent)[0] == said.replace("1 held", "0 held")


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ({"state": "sent"}, "sent"),
        ({"state": "expired"}, "expired"),
        ({"digest": "e" * 64}, "another command"),
        ({"sequence": 6}, "nothing"),
    ],
)
def test_an_answer_that_the_server_has_not_is_a_difference(
    told: tuple[Path, SentEvents], held: dict[str, object], said: str
) -> None:
    data, sent = told
    changed(data, update(commands).values(held))
    assert found(data, sent) == [f"sim-00001: command 5 was answered 'done', held is {said}"]


def test_identities_are_made_once_and_only_by_the_authority(tmp_path: Path) -> None:
    made = Authority.init(tmp_path / "authority", [], wall_clock())
    folder = tmp_path / "identities"
    enrol_missing(made.directory, folder, names(2))
    before = (folder / "sim-00001.pem").read_bytes()
    enrol_missing(made.directory, folder, names(3))
    assert (folder / "sim-00001.pem").read_bytes() == before
    assert [one.station for one in made.registry.issued()] == names(3)
    assert (folder / "sim-00003.key").stat().st_mode & 0o777 == 0o600
    enrol_missing(made.directory, tmp_path / "others", names(1))  # the folder was lost: enrolled anew
    assert [(one.station, one.epoch) for one in made.registry.issued()][-1] == ("sim-00001", 2)
    with pytest.raises(AuthorityError, match="name of the server's own"):
        enrol_missing(made.directory, folder, ["fleet-server"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stations", "0"], "a number from 1 to 100000"),
        (["--stations", "x"], "a number from 1 to 100000"),
        (["--stations", "1", "--faults", "-1"], "a number from 0"),
        (["--stations", "1", "--posted", "76"], "a number from 0 to 75"),
        (["--stations", "1", "--seconds", "soon"], "a number from 0"),
        (["--stations", "1", "--broker", "a:1,b"], "'b': write HOST:PORT"),
        (["--errands-per-hour", "1"], "required: --stations"),
    ],
)
def test_wrong_usage_is_refused(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "--data", "d", "--authority", "a", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_store_that_cannot_be_compared_is_said_and_not_traced(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_: object) -> list[str]:
        raise OperationalError("SELECT", {}, Exception("the connection is lost"))

    monkeypatch.setattr(simulating, "differences", away)
    Database.open(tmp_path / FILE_NAME).close()
    arguments = ["--stations", "1", "--errands-per-hour", "0", "--seconds", "0", "--verify", "--json"]
    monkeypatch.setattr(simulating, "PATIENCE_S", 0.0)
    where = ["--data", str(tmp_path), "--authority", str(authority.directory), "--broker", "127.0.0.1:1"]
    assert main(["simulate", *arguments, *where]) == 1
    said = {"ok": False, "error": "the store cannot be compared: the connection is lost"}
    assert json.loads(capsys.readouterr().out) == said


def test_an_authority_that_is_none_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--stations", "1", "--data", str(tmp_path), "--authority", str(tmp_path / "none"), "--seconds", "0"]
    assert main(["simulate", *arguments]) == 2
    assert "holds no authority" in capsys.readouterr().err
