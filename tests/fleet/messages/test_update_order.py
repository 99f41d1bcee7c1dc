"""The order of an update: bounds, and commands of a newer server at a station that knows no updates."""

from typing import Literal

import msgspec
import pytest

from fleet.messages.commands import Command, UpdateOrder
from fleet.messages.link import MessageError, decode, encode
from fleet.messages.vocabulary import CommandName

ORDER = UpdateOrder("2026.48.1", 300_000_000, "ab" * 32, 8444)


class OlderCommand(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As stations had it before there were updates."""

    station: str
    sequence: int
    command: Literal["out_of_service", "in_service", "restart", "self_test", "open_slot", "sync", "log_bundle"]
    issued: str
    not_after: str
    reason: str
    by: str
    second: str | None = None
    slot: int | None = None
    message: Literal["stock", "repair", "moving"] | None = None


def _command(name: CommandName, update: UpdateOrder | None = None) -> Command:
    times = "2026-11-29T02:00:00Z", "2026-11-29T02:15:00Z"
    return Command("entre-a", 7, name, *times, "a test", "tove.test", update=update)


def test_a_station_without_updates_takes_the_other_commands_of_a_newer_server() -> None:
    for name in (CommandName.RESTART, CommandName.SYNC, CommandName.LOG_BUNDLE):
        assert decode(OlderCommand, encode(_command(name))).command == name
    with pytest.raises(MessageError):
        decode(OlderCommand, encode(_command(CommandName.UPDATE, ORDER)))


def test_a_newer_station_takes_the_commands_of_an_older_server() -> None:
    older = OlderCommand("entre-a", 7, "restart", "2026-11-29T02:00:00Z", "2026-11-29T02:15:00Z", "a test", "tove.test")
    assert decode(Command, encode(older)) == _command(CommandName.RESTART)


def test_a_bundle_belongs_to_an_update_and_to_it_alone() -> None:
    assert decode(Command, encode(_command(CommandName.UPDATE, ORDER))).update == ORDER
    for name, order in ((CommandName.UPDATE, None), (CommandName.RESTART, ORDER)):
        with pytest.raises(ValueError, match="belongs to update"):
            _command(name, order)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "latest"),
        ("version", "1.2\n"),
        ("size", 0),
        ("size", 5 * 1024**3),
        ("sha256", "AB" * 32),
        ("sha256", "ab" * 31),
        ("port", 0),
        ("port", 65_536),
    ],
)
def test_an_order_out_of_bounds_is_none(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"version|size|digest"):
        msgspec.structs.replace(ORDER, **{field: value})
