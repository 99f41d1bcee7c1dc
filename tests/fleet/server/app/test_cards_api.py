"""Orders, people, holds and blocks by REST, and signed messages of an order system: on a real store."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from fleet.server.database.database import Database
from fleet.server.keys.webhook_signatures import HookError, load_secret, signature
from fleet.server.people.queries import replace_administrators
from fleet.server.stations.service import add_stations
from fleet.server.web.roles import Role
from sim.stories.administrators import listed
from tests.fakes.server.card_region import SECRET, Region
from tests.fakes.server.databases import new_store

ORDER = {
    "hsa_id": "TEST000000-0001", "name": "Alva Test", "card_number": "9752269033000001", "product": "601", "loa": 3,
    "station": "entre-a", "slot": 3, "last_day": "2026-08-30",
}  # fmt: skip


@pytest.fixture
def region(database: Database) -> Region:
    return Region(database)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = new_store(tmp_path / "fleet.sqlite")
    with opened.writing.begin() as connection:
        add_stations(connection, ["entre-a", "entre-b"])
    yield opened
    opened.close()


async def test_an_order_is_placed_changed_and_cancelled(region: Region) -> None:
    placed = await region.ask("PUT", "/orders/O-1", ORDER)
    assert (placed.status, placed.json["state"], placed.json["slot"]) == (200, "waiting", 3)
    changed = await region.ask("PATCH", "/orders/O-1", {"slot": 4, "last_day": "2026-09-30"})
    assert (changed.json["slot"], changed.json["last_day"]) == (4, "2026-09-30")
    assert (await region.ask("GET", "/orders/O-1")).json["name"] == "Alva Test"
    cancelled = await region.ask("POST", "/orders/O-1/cancel")
    assert cancelled.json["state"] == "cancelled"
    again = await region.ask("POST", "/orders/O-1/cancel")
    assert (again.status, again.json["detail"]) == (409, "O-1 is cancelled")
    assert (await region.ask("POST", "/orders/O-1/destroyed")).json["state"] == "destroyed"
    assert (await region.ask("PUT", "/orders/O-1", ORDER)).status == 409
    audited = [(action, target) for _, action, target in region.told()]
    assert ("order.cancel", "O-1") in audited
    assert ("order.place", "O-1") in audited


async def test_orders_come_in_all_or_none(region: Region) -> None:
    second = {**ORDER, "order": "O-2", "card_number": "9752269033000002"}
    clash = await region.ask("POST", "/orders", {"orders": [{**ORDER, "order": "O-1"}, second]})
    assert (clash.status, clash.json["detail"]) == (409, "orders.1.slot: slot 3 at entre-a holds O-1")
    assert (await region.ask("GET", "/orders")).json["total"] == 0
    both = [{**ORDER, "order": "O-1"}, {**second, "slot": None, "protected": True}]
    assert (await region.ask("POST", "/orders", {"orders": both})).json == {"added": 2, "changed": 0, "unchanged": 0}
    assert (await region.ask("POST", "/orders", {"orders": both})).json["unchanged"] == 2
    found = (await region.ask("GET", "/orders/O-2")).json
    assert (found["state"], found["name"], found["slot"]) == ("coming", None, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"hsa_id": "199001011234"}, {"name": ""}, {"card_number": "97 52"}, {"loa": 4}, {"station": "Entre A"},
        {"slot": 0}, {"slot": "3"}, {"last_day": "2026-02-30"}, {"last_day": 20260830}, {"last_day": "2026-08-30T00:00:00"},
        {"pin": "000000"}, {"envelope": {"key": "a"}}, {"product": "6\n01"},
    ],
)  # fmt: skip
async def test_what_does_not_fit_is_refused_with_its_place(region: Region, changes: dict[str, Any]) -> None:
    answer = await region.ask("PUT", "/orders/O-1", {**ORDER, **changes})
    assert answer.status == 422
    assert next(iter(changes)) in answer.json["detail"]


async def test_an_order_that_is_named_twice_is_said_and_nothing_is_taken(region: Region) -> None:
    other = {**ORDER, "card_number": "9752269033000002", "slot": None}
    twice = {"orders": [{**ORDER, "order": "O-1"}, {**other, "order": "O-2"}, {**other, "order": "O-1"}]}
    refused = await region.ask("POST", "/orders", twice)
    assert (refused.status, refused.json["detail"].split(";")[0]) == (
        409,
        "orders.2.order: O-1 stands in row 1 already",
    )
    assert (await region.ask("GET", "/orders")).json["total"] == 0
    by_message = await region.hook("msg_twice", twice)
    assert by_message.status == 409
    assert (await region.ask("GET", "/orders")).json["total"] == 0


async def test_a_token_of_one_station_neither_sees_nor_takes_anothers_orders(region: Region) -> None:
    await region.ask("PUT", "/orders/O-1", ORDER)
    for method, path, body in (
        ("GET", "/orders/O-1", None),
        ("PATCH", "/orders/O-1", {"slot": 5}),
        ("POST", "/orders/O-1/cancel", None),
        ("POST", "/cards/9752269033000001/hold", {"reason": "lost"}),
    ):
        assert (await region.ask(method, path, body, where="entre-b")).status == 404, path
    theft = await region.ask("PUT", "/orders/O-1", {**ORDER, "station": "entre-b"}, where="entre-b")
    assert theft.status == 409
    assert (await region.ask("PUT", "/orders/O-2", ORDER, where="entre-b")).status == 404
    for path in ("/people", "/people/TEST000000-0001"):
        assert (await region.ask("GET", path, where="entre-b")).status == 403


async def test_an_order_of_ones_own_makes_nobodys_card_ones_own(region: Region) -> None:
    """Whoever knows another region's card number may place an order for it, and may not block the card for that."""
    await region.ask("PUT", "/orders/O-1", ORDER)
    waits = await region.ask("PUT", "/orders/O-2", {**ORDER, "station": "entre-b"}, where="entre-b")
    assert (waits.status, waits.json["detail"]) == (409, "card_number: this card waits for another order already")
    await region.ask("POST", "/orders/O-1/cancel")
    assert (await region.ask("PUT", "/orders/O-2", {**ORDER, "station": "entre-b"}, where="entre-b")).status == 200
    for what, body in (("hold", {"reason": "lost"}), ("block", {"reason": "stolen"}), ("lift", None)):
        path = f"/cards/{ORDER['card_number']}/{what}"
        refused = await region.ask("POST", path, body, where="entre-b")
        assert (refused.status, "station" in refused.json["detail"]) == (409, True), what
        assert (await region.ask("POST", path, body)).status == 202, what


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.AUDITOR])
async def test_who_may_not_change_orders_is_refused(region: Region, role: Role) -> None:
    assert (await region.ask("PUT", "/orders/O-1", ORDER, role)).status == 403
    assert (await region.ask("POST", "/cards/9752/hold", {"reason": "lost"}, role)).status == 403


async def test_the_directory_says_who_left_and_whose_name_changed(region: Region) -> None:
    path = "/people/TEST000000-0001"
    assert (await region.ask("PATCH", path, {"left": "2026-05-31"})).status == 404
    kept = await region.ask("PUT", path, {"name": "Alva Test"})
    assert kept.json["left"] is None
    await region.ask("PATCH", path, {"left": "2026-05-31", "continued": True})
    left = (await region.ask("GET", path)).json
    assert (left["left"], left["continued"], left["name"]) == ("2026-05-31", True, "Alva Test")
    assert (await region.ask("PATCH", path, {"left": None})).json["left"] is None
    assert (await region.ask("GET", "/people?search=alva")).json["total"] == 1
    facts = (await region.ask("GET", f"{path}/facts")).json
    assert [(one["fact"], one["source"], one["value"]) for one in facts] == [
        ("continued", "import", "yes"), ("left", "import", None), ("name", "import", "Alva Test"),
    ]  # fmt: skip
    assert (await region.ask("GET", "/people/TEST000000-0009/facts")).status == 404
    hidden = await region.ask("PUT", path, {"name": "Alva Test", "protected": True})
    assert hidden.json["name"] is None
    audited = [(action, target) for _, action, target in region.told()]
    assert ("person.change", "TEST000000-0001") in audited
    assert ("people.directory", "alva") in audited


async def test_the_list_of_administrators_is_read_whole_or_for_one_station(region: Region) -> None:
    people = [listed("TEST000000-A1", "Maj", "entre-*", roles=("KRA", "KUR")), listed("TEST000000-A2", "Bo", "annex")]
    with region.database.writing.begin() as connection:
        replace_administrators(connection, people)
    whole = (await region.ask("GET", "/administrators")).json
    assert whole["total"] == 2
    assert whole["items"][0] == {
        "decision": "",
        "hsa_id": "TEST000000-A1", "name": "Maj", "roles": ["KRA", "KUR"], "level": 3, "scope": ["entre-*"],
        "valid_from": None, "valid_until": None,
    }  # fmt: skip
    here = (await region.ask("GET", "/administrators?station=annex")).json
    assert [one["hsa_id"] for one in here["items"]] == ["TEST000000-A2"]
    assert (await region.ask("GET", "/administrators?station=entre-b", where="entre-b")).json["total"] == 1
    assert (await region.ask("GET", "/administrators", where="entre-b")).status == 403
    assert (await region.ask("GET", "/administrators?station=annex", where="entre-b")).status == 404
    assert (await region.ask("GET", "/administrators", role=Role.VIEWER)).status == 403
    assert ("people.administrators", "annex") in [(action, target) for _, action, target in region.told()]


async def test_a_hold_goes_into_the_queue_and_may_be_tried_again(region: Region) -> None:
    await region.ask("PUT", "/orders/O-1", ORDER)
    card = "/cards/9752269033000001"
    held = await region.ask("POST", f"{card}/hold", {"reason": "lost"})
    assert (held.status, held.json["ask"], held.json["state"], held.json["tries"]) == (202, "card.hold", "waiting", 0)
    blocked = await region.ask("POST", f"{card}/block", {"reason": "stolen"})
    assert blocked.json["ask"] == "card.block"
    lifted = await region.ask("POST", f"{card}/lift")
    assert lifted.json["ask"] == "card.lift"
    again = await region.ask("POST", f"/requests/{held.json['id']}/retry?station=entre-a")
    assert (again.status, again.json["id"]) == (200, held.json["id"])
    assert (await region.ask("POST", f"/requests/{held.json['id']}/retry?station=entre-b")).status == 404
    assert (await region.ask("GET", "/requests?state=waiting")).json["total"] == 3
    assert region.told()[0][1] == "people.requests", "whole card numbers are looked at in the audit's sight"
    assert len((await region.ask("GET", card)).json["requests"]) == 3
    assert (await region.ask("POST", f"{card}/hold", {"reason": "deadline"})).status == 422


async def test_stock_bins_and_deadlines_are_lists_as_everywhere(region: Region) -> None:
    await region.ask("PUT", "/orders/O-1", ORDER)
    stock = (await region.ask("GET", "/stock?limit=1")).json
    assert (stock["total"], stock["next"], stock["items"][0]["slot"]) == (1, None, 3)
    deadlines = (await region.ask("GET", "/deadlines?kind=not_collected")).json
    (one,) = deadlines["items"]
    assert (one["subject"], one["due"], one["act"], one["phase"]) == ("O-1", "2026-08-30", "void", "far")
    assert (await region.ask("GET", "/deadlines?kind=unheard")).status == 422
    bins = (await region.ask("GET", "/bins")).json
    assert ([(one["station"], one["cards"]) for one in bins["items"]], bins["total"]) == (
        [("entre-a", 0), ("entre-b", 0)],
        2,
    )


MESSAGE = {"orders": [{**ORDER, "order": "O-1"}], "cancel": []}


async def test_a_signed_message_places_and_cancels_orders(region: Region) -> None:
    answer = await region.hook("msg_1", MESSAGE)
    assert (answer.status, answer.json) == (200, {"taken": True})
    assert (await region.ask("GET", "/orders/O-1")).json["state"] == "waiting"
    assert (await region.hook("msg_2", {"cancel": ["O-1"]})).status == 200
    assert (await region.ask("GET", "/orders/O-1")).json["state"] == "cancelled"
    assert ("order-system", "order.place", "msg_2") in region.told()


async def test_a_message_that_comes_again_changes_nothing(region: Region) -> None:
    await region.hook("msg_1", MESSAGE)
    await region.hook("msg_2", {"cancel": ["O-1"]})
    assert (await region.hook("msg_1", MESSAGE)).json == {"taken": False}
    assert (await region.ask("GET", "/orders/O-1")).json["state"] == "cancelled"
    other = await region.hook("msg_1", {"cancel": ["O-1"]})
    assert (other.status, other.json["detail"]) == (409, "webhook-id: stood for another message")


async def test_a_message_that_is_refused_leaves_nothing_and_may_come_again(region: Region) -> None:
    refused = await region.hook("msg_1", {**MESSAGE, "cancel": ["O-9"]})
    assert (refused.status, refused.json["detail"]) == (409, "cancel.0: O-9 is not known")
    assert (await region.ask("GET", "/orders")).json["total"] == 0
    assert (await region.hook("msg_1", MESSAGE)).json == {"taken": True}


async def test_a_message_that_is_forged_old_or_early_is_refused_before_it_is_read(region: Region) -> None:
    raw = json.dumps(MESSAGE).encode()
    forged = {"webhook_signature": signature(b"another-secret-0000000000000", "msg_1", "1", raw)}
    assert (await region.hook("msg_1", MESSAGE, **forged)).status == 401
    for missing in ("webhook_id", "webhook_timestamp", "webhook_signature"):
        assert (await region.hook("msg_1", MESSAGE, **{missing: ""})).status == 401
    for step in (timedelta(seconds=301), timedelta(seconds=-301)):
        at = str(int((region.now + step).timestamp()))
        late = {"webhook_timestamp": at, "webhook_signature": signature(SECRET, "msg_1", at, raw)}
        answer = await region.hook("msg_1", MESSAGE, **late)
        assert (answer.status, answer.json["detail"]) == (401, "webhook-timestamp: too far from now")
    word = {"webhook_timestamp": "soon", "webhook_signature": signature(SECRET, "msg_1", "soon", raw)}
    assert (await region.hook("msg_1", MESSAGE, **word)).status == 401
    two = {"webhook_signature": f"v1,AAAA {signature(SECRET, 'msg_1', str(int(region.now.timestamp())), raw)}"}
    assert (await region.hook("msg_1", MESSAGE, **two)).status == 200, "one of several is enough"


async def test_a_message_that_cannot_be_read_says_where(region: Region) -> None:
    answer = await region.hook("msg_1", {"orders": [{**ORDER, "order": "O-1", "loa": 7}]})
    assert answer.status == 422
    assert "orders.0.loa" in answer.json["detail"]


def test_a_secret_that_others_can_read_or_that_is_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("whsec_bWFkZS11cC1zZWNyZXQtb2YtYS10ZXN0LTAwMDE=\n")
    path.chmod(0o600)
    assert load_secret(path) == SECRET
    for text, mode, why in (("short", 0o600, "at least"), ("whsec_%", 0o600, "base64"), ("x" * 30, 0o644, "0600")):
        path.write_text(text)
        path.chmod(mode)
        with pytest.raises(HookError, match=why):
            load_secret(path)
    with pytest.raises(HookError, match="No such file"):
        load_secret(tmp_path / "none")


async def test_an_order_that_nobody_could_collect_is_refused_with_its_field(region: Region) -> None:
    left = {"name": "Bo Test", "left": "2026-05-01"}
    assert (await region.ask("PUT", "/people/TEST000000-0002", left)).status == 200
    good = {**ORDER, "order": "O-1"}
    for column, value, said in (
        ("station", "entre-zz", "no station entre-zz is known here"),
        ("last_day", "2020-01-01", "2020-01-01 is past"),
        ("hsa_id", "TEST000000-0002", "TEST000000-0002 left on 2026-05-01, and who has left is handed nothing"),
    ):
        bad = {**ORDER, "order": "O-2", "slot": 4, "card_number": "9752269033000002", column: value}
        answer = await region.ask("POST", "/orders", {"orders": [good, bad]})
        assert (answer.status, answer.json["detail"].startswith(f"orders.1.{column}: {said}")) == (409, True)
        alone = {name: value for name, value in bad.items() if name != "order"}
        assert (await region.ask("PUT", "/orders/O-2", alone)).json["detail"].startswith(f"{column}: {said}")
    assert (await region.ask("GET", "/orders")).json["total"] == 0
