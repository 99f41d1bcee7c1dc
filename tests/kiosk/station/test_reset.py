"""Factory reset: the server is told first, then nothing of the station is left, wherever the power is cut."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fleet.agent.at_rest import kept_keys_file
from fleet.messages.asking import BlockAsk, BlockedResult, Word, typ_of
from fleet.messages.events import parse
from fleet.messages.link import Answer, Ask
from fleet.messages.vocabulary import Effect, ErrandOutcome, EventType, Outcome
from kiosk.cli import Exit, main
from kiosk.config import Config, load
from kiosk.errands.registry import ERRANDS
from kiosk.ports import Ended, NamedOutcome
from kiosk.station.build import open_station
from kiosk.station.build_fleet import lock_folder
from kiosk.station.host import Host
from kiosk.station.reset import MARKER, RunningStationReset, begin_erasing, finish_erasing
from kiosk.steps.context import ErrandContext
from sim.bench.virtual_bench import VirtualBench
from sim.demo.seed import STATION, DemoRegion
from tests.fakes.brokers.mosquitto import Broker
from tests.fakes.fleet.server_peer import FleetPeer
from tests.fakes.station.visitor import Visitor
from tests.fleet.agent.conftest import Enrol, authority, broker, enrolled, peer

__all__ = ["authority", "broker", "enrolled", "peer"]

CANARY = b"Canary Canarysson"


@pytest.fixture
async def station(region: DemoRegion, world: VirtualBench, tmp_path: Path) -> Path:
    """The configuration of a station that was at work, with its folders, and canaries in its data and in an enrolment's rest."""
    base = tmp_path / "station"
    shutil.copytree(region.config.parent, base)
    config = load(base / "station.toml")
    async with open_station(config, base, Visitor(), virtual=world):
        pass
    (base / config.station.data / "kept").mkdir()
    (base / config.station.data / "kept" / "log.txt").write_bytes(CANARY)
    cut_off = base / f".{config.station.identity}.enrolling"
    cut_off.mkdir()
    (cut_off / "station.key").write_bytes(CANARY)
    return base / "station.toml"


def kept_files(config: Path) -> set[str]:
    """Files of the station's folder, without those that SQLite makes and takes away."""
    files = (path for path in config.parent.rglob("*") if path.is_file())
    return {str(path.relative_to(config.parent)) for path in files if not path.name.endswith(("-wal", "-shm"))}


def holds_canary(folder: Path) -> bool:
    return any(CANARY in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def reset(config: Path, *more: str) -> int:
    return main(["reset", "--config", str(config), "--wait", "0.3", *more])


async def test_without_confirmation_it_says_what_is_lost_and_erases_nothing(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = kept_files(station)
    assert await in_thread(reset, station) == Exit.REFUSED
    said = capsys.readouterr()
    assert "events and asks are not at the fleet server yet" in said.out
    assert f"--confirm {STATION}" in said.err
    assert await in_thread(reset, station, "--confirm", "somebody-else") == Exit.BAD_INPUT
    assert kept_files(station) == before


async def test_with_unsent_events_nothing_is_erased_unless_they_may_be_lost(
    station: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = kept_files(station)
    assert await in_thread(reset, station, "--confirm", STATION) == Exit.REFUSED
    assert "--lose-unsent" in capsys.readouterr().err
    assert kept_files(station) == before
    assert await in_thread(reset, station, "--confirm", STATION, "--lose-unsent", "--json") == Exit.DONE
    assert json.loads(capsys.readouterr().out)["lost"] > 0
    config = load(station)
    gone = {config.station.identity, config.station.data}
    assert {name for name in kept_files(station) if name.split("/")[0] in gone} <= {
        f"{config.station.data}/station.lock"
    }
    assert MARKER not in kept_files(station)
    assert "station.toml" in kept_files(station)
    assert not holds_canary(station.parent)


async def test_while_the_station_runs_it_is_refused(station: Path) -> None:
    with lock_folder(station.parent / load(station).station.data):
        assert await in_thread(reset, station, "--confirm", STATION) == Exit.REFUSED


async def test_the_server_holds_every_event_and_the_word_of_the_reset_before_anything_goes(
    enrolled: Enrol, broker: Broker, peer: FleetPeer, tmp_path: Path
) -> None:
    identity = enrolled(STATION, broker.port)
    (tmp_path / "station.toml").write_text(f'[station]\nidentity = "{identity.key_file.parent.name}"\n')
    assert (
        await in_thread(main, ["reset", "--config", str(tmp_path / "station.toml"), "--confirm", STATION]) == Exit.DONE
    )
    last = parse(peer.held[max(peer.held)])
    assert last.type == EventType.STATION_RESET
    assert last.content() == {"unsent": 0, "slots": [], "binned": 0}
    assert not identity.key_file.exists()


async def test_a_block_that_waits_is_told_first_and_else_nothing_is_erased(
    enrolled: Enrol, broker: Broker, peer: FleetPeer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = enrolled(STATION, broker.port)
    block = BlockAsk(id="1" * 32, card_number="9752269999", reason="returned", wanted="2026-03-02T12:00:00Z")
    path = tmp_path / "station.toml"
    path.write_text(f'[station]\nidentity = "{identity.key_file.parent.name}"\n')
    async with open_station(load(path), tmp_path, Visitor()) as station:
        assert station.fleet is not None
        assert await station.fleet.issuer.queue.tell(block, block.wanted, 0.01) is None
    erase = ["reset", "--config", str(path), "--confirm", STATION]
    assert await in_thread(main, [*erase, "--wait", "3"]) == Exit.REFUSED
    assert "events and asks are not at the fleet server; nothing was erased" in capsys.readouterr().err
    assert identity.key_file.exists()

    def answer(ask: Ask) -> Answer | None:
        assert ask == block
        word = msgspec.json.encode(Word(STATION, block.id, block.wanted, BlockedResult(block.wanted)))
        return Answer(ok=True, jws=peer.signer.sign(word, typ_of(block)))

    peer.answer = answer
    assert await in_thread(main, erase) == Exit.DONE
    assert not identity.key_file.exists()
    assert not kept_keys_file(identity.key_file.parent).exists()


async def test_an_administrator_begins_it_at_the_screen_and_the_next_start_forgets(
    region: DemoRegion, world: VirtualBench, station: Path
) -> None:
    config, base, ends = load(station), station.parent, []
    async with open_station(config, base, Visitor(), Host(end_program=lambda: ends.append(True)), world) as running:
        assert running.records is not None
        machine, here = running.administration, RunningStationReset(running.records, base, send_s=0.2)
        losses = await machine.losses()
        assert losses is not None
        assert (losses.station, losses.unsent > 0) == (STATION, True)
        assert not await here.prepare(lose_unsent=False)
        assert MARKER not in kept_files(station)
        assert await machine.reset(lose_unsent=True) == Outcome.ASKED
        assert ends == [], "the errand comes to its end first"
        newest = (await running.records.latest_events(1))[0]
        assert newest.type == EventType.STATION_RESET
        assert newest.content()["unsent"] == losses.unsent
    assert finish_erasing(config, base)
    assert not holds_canary(base)


async def test_the_last_words_of_the_errand_that_asked_reach_the_server(
    enrolled: Enrol, broker: Broker, peer: FleetPeer, tmp_path: Path
) -> None:
    identity, ends = enrolled(STATION, broker.port), list[bool]()
    path = tmp_path / "station.toml"
    path.write_text(f'[station]\nidentity = "{identity.key_file.parent.name}"\n')

    async def ask_for_it(context: ErrandContext) -> Ended:
        assert context.caps.machine is not None
        resetting = context.caps.machine.reset(lose_unsent=False)

        async def effect() -> NamedOutcome:
            return NamedOutcome(await resetting)

        await context.log.effect(Effect.STATION_RESET, effect())
        assert not (tmp_path / MARKER).exists(), "root of an image ends the station as soon as it sees it"
        ended = Ended(ErrandOutcome.DONE)
        await context.log.end(ended)
        return ended

    async with open_station(load(path), tmp_path, Visitor(), Host(end_program=lambda: ends.append(True))) as running:
        information = next(errand for errand in ERRANDS if errand.id == "information")
        assert await running.run(replace(information, journey=ask_for_it)) is not None
    kinds = [parse(peer.held[place]).type for place in sorted(peer.held)]
    assert kinds[-3:] == [EventType.STATION_RESET, EventType.EFFECT_DONE, EventType.ERRAND_ENDED]
    assert ends == [True]
    assert (tmp_path / MARKER).exists()


async def test_a_power_cut_while_the_last_words_are_sent_is_finished_at_the_next_start(station: Path) -> None:
    config, base = load(station), station.parent
    async with open_station(config, base, Visitor(), Host(end_program=lambda: None)) as running:
        assert await running.administration.reset(lose_unsent=True) == Outcome.ASKED
    assert MARKER not in kept_files(station)
    assert finish_erasing(config, base)
    assert not holds_canary(base)
    assert {name for name in kept_files(station) if name.startswith("reset")} == set()


async def test_where_nobody_would_start_the_program_nothing_is_begun(
    region: DemoRegion, world: VirtualBench, station: Path
) -> None:
    async with open_station(load(station), station.parent, Visitor(), virtual=world) as running:
        assert await running.administration.reset(lose_unsent=True) == Outcome.REFUSED
    assert MARKER not in kept_files(station)


async def in_thread(call: object, *arguments: object) -> int:
    """The program has a loop of its own."""
    return int(await asyncio.to_thread(call, *arguments))  # type: ignore[arg-type]


class PowerCutError(Exception):
    """The power is gone."""


NAMES = (
    "identity.store-keys",
    "identity/station.key",
    "identity/store.key",
    "identity/ca.pem",
    "data/station.sqlite",
    "data/bench/card.json",
)


def made_up(base: Path) -> Config:
    for name in NAMES:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(CANARY)
    (base / "station.toml").write_text("[station]\n")
    return load(base / "station.toml")


@pytest.mark.parametrize("cut", range(9))
def test_a_power_cut_at_any_step_is_finished_at_the_next_start(cut: int, tmp_path: Path) -> None:
    config, steps = made_up(tmp_path), []

    def before(path: Path) -> None:
        if len(steps) == cut:
            raise PowerCutError
        steps.append(path.name)

    begin_erasing(tmp_path)
    if cut < 8:
        with pytest.raises(PowerCutError):
            finish_erasing(config, tmp_path, before)
        assert (tmp_path / MARKER).exists()
        assert main(["reset", "--finish", "--config", str(tmp_path / "station.toml")]) == Exit.DONE
    else:
        assert finish_erasing(config, tmp_path, before)
        assert steps[:3] == ["store.key", "identity.store-keys", "station.key"], "without them nothing else can be read"
        assert steps[-1] == MARKER
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"station.toml", "data/station.lock"}


def test_before_a_reset_nothing_is_erased(tmp_path: Path) -> None:
    config = made_up(tmp_path)
    assert not finish_erasing(config, tmp_path)
    assert main(["reset", "--finish", "--config", str(tmp_path / "station.toml")]) == Exit.DONE
    assert all((tmp_path / name).read_bytes() == CANARY for name in NAMES)


def test_a_link_to_elsewhere_is_taken_away_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    config = made_up(tmp_path)
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_bytes(CANARY)
    (tmp_path / "data/link").symlink_to(elsewhere)
    begin_erasing(tmp_path)
    assert finish_erasing(config, tmp_path)
    assert elsewhere.read_bytes() == CANARY
    assert not (tmp_path / "data/link").is_symlink()
