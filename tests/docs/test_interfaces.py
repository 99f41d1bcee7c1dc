"""docs/openapi.json and docs/asyncapi.json say what the code does: written from it, and true of real messages."""

import json
from dataclasses import fields
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from fleet.messages.link import Acked, Answer, OrderAsk, Presence, StationState
from fleet.messages.signed import SignedAnswer, SignedAsk, sign_acked
from fleet.messages.topics import PREFIX, Topics
from scripts.write_interfaces import DOCS, files
from tests.fleet.server.conftest import NOW, SIGNER, SealingStation


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DOCS / "asyncapi.json").read_text("utf-8"))
    return read


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json", "examples/issuer-openapi.json"])
def test_the_files_are_what_the_code_says(name: str) -> None:
    written = files()[DOCS / name]
    assert (DOCS / name).read_text("utf-8") == written, "run python -m scripts.write_interfaces"


def test_every_topic_of_a_station_is_a_channel(described: dict[str, Any]) -> None:
    names = [name for name, kind in vars(Topics).items() if isinstance(kind, property)]
    topics = {getattr(Topics("entre-a"), name) for name in names}
    assert len(names) > len(fields(Topics))
    addresses = {one["address"].replace("{station}", "entre-a") for one in described["channels"].values()}
    assert addresses == topics
    assert all(address.startswith(f"{PREFIX}/") for address in addresses)
    for operation in described["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in described["channels"]


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("event", SealingStation().pickup()[1].wire),
        ("state", msgspec.json.encode(StationState("Entrance A", "1", "b", "2026-06-01T10:00:00Z"))),
        ("presence", msgspec.json.encode(Presence(online=True, bootid="b"))),
        ("acked", sign_acked([("entre-a", Acked(epoch=1, through=7))], NOW, SIGNER.sign)[0]),
    ],
    ids=["event", "state", "presence", "acked"],
)
def test_a_real_message_fits_and_one_with_more_does_not(described: dict[str, Any], message: str, sent: bytes) -> None:
    payload = described["components"]["messages"][message]["payload"]
    assert_fits(described, payload, sent)


def test_what_a_real_ask_and_a_real_answer_sign_fits_and_one_with_more_does_not(described: dict[str, Any]) -> None:
    schemas, ask = described["components"]["schemas"], msgspec.Raw(msgspec.json.encode(OrderAsk("TEST000000-0001")))
    time, nonce = "2026-06-01T10:00:00Z", "0" * 32
    assert_fits(described, schemas["SignedAsk"], msgspec.json.encode(SignedAsk("entre-a", nonce, time, ask)))
    answer = SignedAnswer("entre-a", nonce, time, Answer(ok=True, verdict="match"))
    assert_fits(described, schemas["SignedAnswer"], msgspec.json.encode(answer))


def assert_fits(described: dict[str, Any], schema: dict[str, Any], sent: bytes) -> None:
    check = jsonschema_rs.validator_for({**schema, "components": described["components"]})
    assert check.is_valid(json.loads(sent))
    assert not check.is_valid({**json.loads(sent), "made_up": 1})
