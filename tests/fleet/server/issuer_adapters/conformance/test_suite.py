"""The conformance suite: the example adapter passes, and an adapter that is wrong in one transition is found by its name."""

import base64
import importlib.util
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from fastapi import Response
from pydantic import create_model

from fleet.server.issuer_adapters.conformance.changes import CardChanges
from fleet.server.issuer_adapters.conformance.conversation import Conversation
from fleet.server.issuer_adapters.conformance.settings import CheckCards
from fleet.server.issuer_adapters.conformance.state_machine import GROUPS, TRANSITIONS, Change, Group, Refused
from fleet.server.issuer_adapters.conformance.suite import CheckResult, Issuer, Suite
from tests.docs.pages import DOCS
from tests.fakes.issuers.asgi_http import AsgiHttp

HOLDER, ADMINISTRATOR, PROTECTED = "TEST000000-0001", "TEST000000-0013", "TEST000000-0009"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KEY, BLOCK = bytes(range(32)), bytes(range(16))
ORDER = "O-1,{},Anna Ek,no,WAITING1,601,3,entre-a,,2026-06-30,,"


def load() -> ModuleType:
    """The example as a program of its own would have it."""
    spec = importlib.util.spec_from_file_location("issuer_adapter", DOCS / "examples" / "issuer_adapter.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


adapter = load()


def response() -> str:
    encryptor = Cipher(algorithms.AES(KEY), modes.ECB()).encryptor()  # noqa: S305 - cards take single blocks
    return (encryptor.update(BLOCK) + encryptor.finalize()).hex()


KNOWN = {"challenge": BLOCK.hex(), "response": response()}
CARDS: dict[str, dict[str, Any]] = {
    "WAITING1": {"may": ["hold", "received"], "ordered": True},
    "WAITING2": {"may": ["letter", "challenge", "puk", "block"], **KNOWN},
    "WAITING3": {"may": ["received"]},
    "ACTIVE1": {"may": ["hold", "received", "letter", "challenge", "puk"], **KNOWN},
    "ACTIVE2": {"may": ["hold", "block"]},
    "ACTIVE3": {"may": ["block"]},
    "SECRET1": {"may": []},
}


def cards(*names: str) -> CheckCards:
    """Those cards; all where none is named."""
    listed = [
        {"number": name, "hsa_id": PROTECTED if name == "SECRET1" else HOLDER, **CARDS[name]} for name in names or CARDS
    ]
    return CheckCards.model_validate({"administrator": ADMINISTRATOR, "card": listed})


PEOPLE: dict[str, dict[str, Any]] = {
    HOLDER: {"hsa_id": HOLDER, "name": "Anna Ek"},
    PROTECTED: {"hsa_id": PROTECTED, "name": None, "protected": True},
}
ORDERS = {"holder": HOLDER}


def register() -> Any:
    held = [
        adapter.Card(
            name, PROTECTED if name == "SECRET1" else HOLDER, "waiting" if "WAITING" in name else "active",
            puk="91827364", key=KEY,
        )
        for name in CARDS
    ]  # fmt: skip
    kept = adapter.Register(PEOPLE, held, f"{adapter.ORDER_COLUMNS}\n{ORDER.format(ORDERS['holder'])}\n")
    kept.now = lambda: NOW
    return kept


ONCE = adapter.Once(register())
APP = adapter.create_app(ONCE)


async def check(kept: Any, listed: CheckCards, *, app: Any = APP, nobody: Any = None) -> list[CheckResult]:
    ONCE.register = kept
    talk = Conversation(AsgiHttp(app))
    return await Suite(Issuer(talk, CardChanges(talk, ADMINISTRATOR, lambda: NOW), nobody), listed).run()


def failed(results: Sequence[CheckResult]) -> set[str]:
    return {result.check for result in results if result.outcome == "failed"}


async def test_the_example_adapter_passes_every_transition() -> None:
    results = await check(register(), cards())
    assert [result for result in results if result.outcome != "passed"] == []
    made = {
        (change, GROUPS[state])
        for change, _, state in (result.check.partition(" from ") for result in results)
        if state in GROUPS
    }
    assert made == {(change, group) for change, row in TRANSITIONS.items() for group in row}


async def test_what_the_issuer_has_not_is_left_out_and_told() -> None:
    """Without it the routes that are missing are faults."""
    lacking = ("hold", "lift", "challenge")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await (Response(status_code=404) if scope["path"].endswith(lacking) else APP)(scope, receive, send)

    listed = cards("WAITING2", "ACTIVE3")
    assert {"hold from blocked", "challenge from blocked"} <= failed(await check(register(), listed, app=app))
    results = await check(register(), listed.model_copy(update={"lacks": lacking}), app=app)
    assert failed(results) == set()
    assert {result.check for result in results if result.outcome == "skipped"} == set(lacking)


Planted = Callable[[Callable[..., Any], Any, Any, str], Any]
ANYWAY: dict[Change, dict[str, Any]] = {
    "received": {"outcome": "received", "state": "active"},
    "hold": {"outcome": "held", "from_state": "active"},
    "lift": {"outcome": "lifted", "state": "active"},
    "letter": {"outcome": "ordered", "arrives": "2026-03-07", "where": "home"},
    "challenge": {"outcome": "answered", "response": response()},
    "puk": {"outcome": "released", "sealed": base64.b64encode(bytes(56)).decode()},
}


def refuses(right: Callable[..., Any], card: Any, asked: Any, key: str) -> Any:
    raise adapter.Refusal("not_offered")


def goes_astray(right: Callable[..., Any], card: Any, asked: Any, key: str) -> Any:
    """The right answer, and a state that nobody asked for."""
    answer: Any = None
    try:
        answer = right(card, asked, key)
    except adapter.Refusal as refusal:
        answer = refusal
    if not isinstance(answer, adapter.Refusal) or answer.reason.startswith(("card_", "not_held")):
        card.state = "handed_out" if card.state != "handed_out" else "active"
    if isinstance(answer, adapter.Refusal):
        raise answer
    return answer


def is_done_anyway(change: Change) -> Planted:
    return lambda right, card, asked, key: ANYWAY[change]


def planted(change: Change, group: Group, fault: Planted) -> Any:
    """A register with that fault in that one transition."""
    kept = register()
    right = getattr(kept, change)

    def wrong(card: Any, asked: Any, key: str) -> Any:
        return fault(right, card, asked, key) if GROUPS[card.state] == group else right(card, asked, key)

    setattr(kept, change, wrong)
    return kept


def stage(change: Change, group: Group) -> CheckCards:
    """The one card on which the suite comes to that transition."""
    if group == "dead" or change == "block":
        return cards("WAITING2" if group == "before use" else "ACTIVE2" if group == "held" else "ACTIVE3")
    if group == "before use":
        others = {"received": "WAITING3", "hold": "WAITING1", "lift": "WAITING1"}
        return cards(others.get(change, "WAITING2"))
    return cards("ACTIVE1")


@pytest.mark.parametrize("change", TRANSITIONS)
async def test_a_fault_in_any_transition_is_found_by_its_name(change: Change) -> None:
    for group, wanted in TRANSITIONS[change].items():
        faults = [refuses, goes_astray, *([is_done_anyway(change)] if isinstance(wanted, Refused) else [])]
        for fault in faults:
            found = failed(await check(planted(change, group, fault), stage(change, group)))
            states = {state for name in found for start, _, state in [name.partition(" from ")] if start == change}
            assert group in {GROUPS.get(state) for state in states}, (change, group, fault, found)


def forget_keys(patch: Any) -> None:
    patch.setattr(ONCE, "change", lambda *told: adapter.Once(ONCE.register).change(*told))


def refuse_unknown_cards(patch: Any) -> None:
    """As if the register had them."""
    right = ONCE.change

    def change(name: str, number: str, key: str, asked: Any) -> Any:
        return right(name, number if number in CARDS else "ACTIVE3", key, asked)

    patch.setattr(ONCE, "change", change)


def without(check_name: str) -> Callable[[Any], None]:
    """One of the example's rules left out."""
    return lambda patch: patch.setattr(adapter, check_name, lambda *_: None)


def change_answer(change: str, **answer: Any) -> Callable[[Any], None]:
    """The change is made, and told otherwise."""

    def apply(patch: Any) -> None:
        right = getattr(adapter.Register, change)
        patch.setattr(adapter.Register, change, lambda *told: {**right(*told), **answer})

    return apply


def keep_puk(patch: Any) -> None:
    right = adapter.Register.puk

    def release(self: Any, card: Any, asked: Any, key: str) -> Any:
        code, answer = card.puk, right(self, card, asked, key)
        card.puk = code
        return answer

    patch.setattr(adapter.Register, "puk", release)


def bind_to_another_card(patch: Any) -> None:
    right = adapter.Register.puk
    patch.setattr(
        adapter.Register, "puk",
        lambda self, card, asked, key: right(self, card, asked.model_copy(update={"station": "another"}), key),
    )  # fmt: skip


def use_any_key(patch: Any) -> None:
    seen: list[int] = []

    def cipher(key: bytes) -> Any:
        seen.append(1)
        return algorithms.AES256(len(seen).to_bytes(32, "big"))

    patch.setattr(adapter, "algorithms", type("Algorithms", (), {"AES": staticmethod(cipher)}))


def block_again(patch: Any) -> None:
    right, times = adapter.Register.block, iter(range(9))

    def block(self: Any, card: Any, asked: Any, key: str) -> Any:
        return {**right(self, card, asked, key), "at": (NOW + timedelta(hours=next(times))).isoformat()}

    patch.setattr(adapter.Register, "block", block)


def name_everybody(patch: Any) -> None:
    patch.setitem(PEOPLE[PROTECTED], "name", "Protected Person")


WRONG: dict[str, tuple[Callable[[Any], None], str]] = {
    "forgets keys": (forget_keys, "one key, one change"),
    "knows every card": (refuse_unknown_cards, "unknown card"),
    "asks for no holder": (without("_check_holder"), "received by another"),
    "sends a letter to anybody": (without("_check_holder"), "letter of another"),
    "unlocks for the holder alone": (without("_check_attended"), "unlock attended"),
    "gives the PUK to the holder alone": (without("_check_attended"), "PUK attended"),
    "gives the PUK twice": (keep_puk, "PUK once"),
    "binds the PUK to another station": (bind_to_another_card, "puk from active"),
    "answers with any key": (use_any_key, "challenge by the card's key"),
    "answers with another key": (use_any_key, "challenge from active"),
    "dates a letter back": (change_answer("letter", arrives="2026-03-01"), "letter from active"),
    "dates a letter by no calendar": (change_answer("letter", arrives="soon"), "letter from active"),
    "blocks anew each time": (block_again, "block from blocked"),
    "tells no zone": (change_answer("block", at="2026-03-02T12:00:00"), "block from active"),
    "names a protected person": (name_everybody, "directory"),
    "has orders of its own form": (lambda patch: patch.setattr(adapter, "ORDER_COLUMNS", "order;card"), "orders"),
    "orders for another": (lambda patch: patch.setitem(ORDERS, "holder", PROTECTED), "orders"),
    "answers in a form of its own": (change_answer("hold", outcome="on hold"), "hold from active"),
}


@pytest.mark.parametrize("story", WRONG)
async def test_an_adapter_that_is_wrong_is_found_by_name(story: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, name = WRONG[story]
    plant(monkeypatch)
    assert name in failed(await check(register(), cards("WAITING1", "ACTIVE1", "ACTIVE3", "SECRET1")))


async def test_an_adapter_that_takes_what_is_not_in_order_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the bodies, whatever is more than the contract has."""
    monkeypatch.setattr(adapter, "Hold", create_model("Hold", __base__=adapter.Hold, __config__=None, more=(int, 0)))
    found = failed(await check(register(), cards("ACTIVE1"), app=adapter.create_app(ONCE)))
    assert "requests that are not in order" in found


async def test_an_adapter_that_lets_anybody_in_is_found() -> None:
    assert "TLS certificate wanted" in failed(await check(register(), cards("SECRET1"), nobody=AsgiHttp(APP)))
