"""Every example in the documents is a message or receipt that the program itself reads, and every part has its row."""

import json
import re
from collections.abc import Callable
from typing import get_args

import msgspec
import pytest

from fleet.messages import (
    asking,
    checkpoints,
    commands,
    countersignatures,
    events,
    link,
    mandates,
    region,
    settings,
    signed,
)  # fmt: skip
from fleet.messages.topics import Topics
from fleet.messages.vocabulary import EventType
from kiosk.receipts import read_number, wire
from tests.docs.pages import DOCS, FENCE, PAGES, ROOT, blocks, named, page, text


def test_the_event_of_the_example_is_one_and_its_parts_are_told() -> None:
    (on_wire,), (envelope,), (digest,) = (
        list(blocks(kind, DOCS / "messages.md")) for kind in ("json event", "json envelope", "text hash")
    )
    event = events.parse(on_wire.encode())
    assert event.envelope.decode() == envelope
    assert event.hash == digest


MESSAGES: dict[str, Callable[[bytes], object]] = {
    "json acked": lambda raw: link.decode(signed.SignedAcked, raw),
    "json signed ask": lambda raw: link.decode(signed.SignedAsk, raw),
    "json signed answer": lambda raw: link.decode(signed.SignedAnswer, raw),
    "json acked root": lambda raw: link.decode(signed.AckedRoot, raw),
    "json presence": lambda raw: link.decode(link.Presence, raw),
    "json state": lambda raw: link.decode(link.StationState, raw),
    "json ask": lambda raw: link.decode(link.Ask, raw),
    "json answer": lambda raw: link.decode(link.Answer, raw),
    "json page": lambda raw: link.decode(link.SyncPage, raw),
    "json checkpoint": lambda raw: checkpoints.read_checkpoint(raw),
    "json countersignature": lambda raw: countersignatures.read_countersignature(raw),
    "json command": lambda raw: link.decode(commands.Command, raw),
    "json command result": lambda raw: link.decode(commands.CommandResult, raw),
    "json word": lambda raw: link.decode(asking.Word, raw),
    "json settings": lambda raw: link.decode(settings.StationSettings, raw),
    "json region": lambda raw: link.decode(region.RegionPage, raw),
    "json payload": lambda raw: wire.decode(raw, wire.Payload),
    "json compact": lambda raw: wire.decode(raw, wire.Compact),
}


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_example_is_a_message_of_ours(kind: str) -> None:
    found = list(blocks(kind))
    assert found
    for block in found:
        message = MESSAGES[kind](block.encode())
        assert json.loads(msgspec.json.encode(message)) == json.loads(block)


def test_every_json_example_is_checked() -> None:
    checked = {
        *MESSAGES,
        "json event",
        "json envelope",
        "json info",
        "json mac",
        "json mandate",
        "json wish",
        "json puk",
        "json orders",
    }
    for one in PAGES:
        for info, _ in FENCE.findall(text(one)):
            assert not info.startswith("json") or info.strip() in checked, f"{named(one)}: {info}"


def test_what_a_puk_is_bound_to_is_told_as_it_is() -> None:
    infos, macs = (list(blocks(kind, DOCS / "messages.md")) for kind in ("json info", "json mac"))
    for (bound_to, made_over), info, mac in zip(
        ((link.envelope_info, link.envelope_mac_input), (link.release_info, link.release_mac_input)),
        infos,
        macs,
        strict=True,
    ):
        assert bound_to(*json.loads(info)[1:]) == info.encode()
        assert made_over(*json.loads(mac)[1:]) == mac.encode()


def test_every_topic_kind_ask_and_error_is_told() -> None:
    said = page("messages.md")
    topics = Topics("station-name")
    for name in ("events", "state", "presence", "ask", "answer", "acked"):
        assert f"| `{getattr(topics, name).replace('station-name', 'STATION')}` |" in said
    described = json.loads(page("asyncapi.json"))["components"]["schemas"]["EventType"]["oneOf"]
    assert {one["const"] for one in described if one["description"]} == set(EventType)
    for ask in get_args(link.Ask):
        assert f"| `{ask.__struct_config__.tag}` |" in said
    for source in ("fleet/server/asks/answers.py", "fleet/server/issuers/service.py"):
        for error in re.findall(r"_error\(\"(\w+)\"", text(ROOT / source)):
            assert f"| `{error}` |" in said


def test_every_outcome_and_reason_of_the_issuer_is_told() -> None:
    said = page("messages.md")
    for result in get_args(asking.Result):
        assert f"`{result.__struct_config__.tag}`" in said
    for path in (ROOT / "fleet/server/issuers").rglob("*.py"):
        for reason in re.findall(r"Declined\(\"(\w+)\"", text(path)):
            assert f"`{reason}`" in said, f"{path.name}: {reason}"


def test_what_is_signed_and_sealed_for_the_issuer_is_told_as_it_is() -> None:
    page_blocks = (list(blocks(f"json {kind}", DOCS / "messages.md")) for kind in ("mandate", "wish", "puk"))
    (mandate,), (wish,), (puk,) = page_blocks
    assert mandates.mandate_bytes(mandates.parse_mandate(mandate.encode())) == mandate.encode().strip()
    assert mandates.wish_bytes(*json.loads(wish)[1:]) == wish.encode().strip()
    assert asking.puk_info(*json.loads(puk)[1:]) == puk.encode()


def test_the_number_of_the_example_is_one() -> None:
    for number in set(re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{5}\b", page("receipts.md"))):
        assert read_number(number) == number
