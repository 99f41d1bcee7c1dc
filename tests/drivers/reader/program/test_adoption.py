"""From a card that no profile names to a signed profile, as a person at a desk answers: what goes to the card, and when."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from drivers.reader import Accepted, MemoryLedger, ReaderSettings, open_card
from drivers.reader.profiles import builtin
from drivers.reader.profiles.signed import ProfileKeys, add_signed
from drivers.reader.program import __main__ as program
from drivers.reader.program.questions import Questions
from drivers.reader.traces.trace import read_trace
from kiosk.cli import Exit
from kiosk.cli import main as kortkiosk
from sim.reader.card_factory import fresh_memory
from sim.reader.card_memory import StoredKey
from sim.reader.cards import VirtualCard
from sim.reader.in_process import InProcessBackend
from sim.reader.personas import person
from sim.reader.pki import TestAuthority
from sim.reader.shapes import SHAPES, personal_number
from sim.reader.slot import VirtualSlot
from sim.stories.foreign import estrange
from tests.docs.pages import DOCS, blocks

PERSON = person(6).new
NEW_PIN = "604827"
ANSWERS: dict[str, str] = tomllib.loads("".join(blocks("toml answers", DOCS / "first-card.md")))
SENDS_CODE = {"VERIFY", "CHANGE REFERENCE DATA", "RESET RETRY COUNTER"}


@cache
def issued() -> tuple[TestAuthority, tuple[StoredKey, ...]]:
    now = datetime.now(UTC)
    authority = TestAuthority.create(now)
    return authority, VirtualCard.create(PERSON, authority, now).keys


@dataclass
class Desk:
    """A person with an unknown card, a key and codes. `sent`: what went to the card before each question, and after the last."""

    folder: Path
    answers: dict[str, str]
    card: VirtualCard
    sent: dict[str, list[str]] = field(default_factory=dict)

    def adopt(
        self, run: Callable[[list[str]], int] = program.main, *, pin: str = PERSON.pin, puk: str = PERSON.puk
    ) -> int:
        codes = self.folder / "codes.toml"
        codes.touch(0o600)
        last = f'puk = "{puk}"\n' if puk else ""
        last += f'signature_pin = "{self.card.persona.signature_pin}"\n' if self.card.persona.signature_pin else ""
        codes.write_text(f'pin = "{pin}"\nnew_pin = "{NEW_PIN}"\n{last}')
        lines = [f"{key} = {json.dumps(answer)}" for key, answer in self.answers.items()]
        (self.folder / "answers.toml").write_text("\n".join(lines))
        words = ["--key", "key.pem", "--into", "out", "--answers", "answers.toml", "--codes-file", "codes.toml"]
        return run(["adopt", *(word if word.startswith("--") else str(self.folder / word) for word in words)])

    @property
    def report(self) -> Any:
        return json.loads((self.folder / "out/report.json").read_text("utf-8"))

    def codes_sent(self) -> list[str]:
        return [entry.ins for entry in self.card.log if entry.ins in SENDS_CODE]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Desk]:
    key = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def sit_down(
        kind: str = "B", traits: tuple[str, ...] = (), second: str = "", shape: str = "", **answers: str
    ) -> Desk:
        authority, keys = issued()
        persona = replace(PERSON, signature_pin=second, shape=shape or PERSON.shape)
        keys = VirtualCard.create(persona, authority, datetime.now(UTC)).keys if shape else keys
        card = estrange(VirtualCard(fresh_memory(kind, persona, authority, datetime.now(UTC), keys, traits)))
        slot = VirtualSlot("Desk 0")
        slot.insert(card)
        monkeypatch.setattr(program, "PcscBackend", lambda: InProcessBackend([slot]))
        made = Desk(tmp_path, ANSWERS | answers, card)
        ask = Questions.ask

        def asked(questions: Questions, key: str, *more: Any, **named: Any) -> str:
            made.sent[key] = made.codes_sent()
            return ask(questions, key, *more, **named)

        monkeypatch.setattr(Questions, "ask", asked)
        return made

    return sit_down


def test_an_unknown_card_becomes_a_signed_profile_within_the_budget(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk()
    assert made.adopt() == 0
    told = capsys.readouterr().out
    out, report = made.folder / "out", made.report
    assert told.split("This product may now:\n")[1].splitlines()[:5] == [
        "- be read, and its PIN verified",
        "- sign (signature, identification)",
        "- get a new PIN by the old one",
        "- be unlocked with its PUK (holder)",
        "- prove level 3",
    ]
    assert report["questions"] + len({"pin", "new_pin", "puk"}) <= 12
    assert (report["machine_s"] < 120, len(report["announced"])) == (True, 3)
    keys = ProfileKeys.load(out / "profile-keys.pem")
    loaded = add_signed(builtin(), out, keys)
    assert loaded.refused == ()
    slot = VirtualSlot("Station")
    slot.insert(made.card)
    settings = ReaderSettings(profiles=loaded.profiles, ledger=MemoryLedger())
    with open_card(backend=InProcessBackend([slot]), settings=settings) as card:
        assert (card.facts.profile, card.facts.rules.unblocking) == ("made-up-region", "holder")
        assert card.verify_pin(PERSON.pin) == Accepted()  # it has its PIN again
    assert len(read_trace(out / "card.trace", keys).signatures) == 2
    kept = b"".join(path.read_bytes() for path in out.iterdir())
    for private in (PERSON.pin, NEW_PIN, PERSON.puk, PERSON.card_number, PERSON.hsa_id, PERSON.name.split()[-1]):
        assert private.encode() not in kept
        assert private not in told.replace(f"read as {PERSON.card_number}", "")


def test_no_code_goes_out_before_it_was_said_and_agreed(desk: Callable[..., Desk]) -> None:
    made = desk()
    assert made.adopt() == 0
    assert made.sent["try_pin"] == []
    assert set(made.sent["try_change"]) == {"VERIFY"}
    assert made.sent["try_unblock"].count("CHANGE REFERENCE DATA") == 1
    assert "RESET RETRY COUNTER" not in made.sent["try_unblock"]
    assert made.codes_sent().count("RESET RETRY COUNTER") == 1


@pytest.mark.parametrize(
    ("answers", "may"),
    [
        ({"try_pin": "no"}, "be read"),
        ({"try_change": "no"}, "be read"),
        ({"try_unblock": "no", "levels": ""}, "prove no level: the level is not known"),
        ({"unblocking": "nobody"}, "get a new PIN by the old one"),
    ],
)
def test_what_was_not_tried_is_not_in_the_profile(desk: Callable[..., Desk], answers: dict[str, str], may: str) -> None:
    made = desk("B", (), **answers)
    assert made.adopt() == 0
    assert any(ability.startswith(may) for ability in made.report["may"])
    assert not any("PUK" in ability for ability in made.report["may"])
    profile = (made.folder / "out/made-up-region.toml").read_text("utf-8")
    assert ('proved = { value = "card"' in profile) == ("try_pin" not in answers and "try_change" not in answers)
    assert ('counter = { value = "empty-verify"' in profile) == ("try_pin" not in answers)


def test_a_wrong_pin_costs_one_try_and_ends_it(desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]) -> None:
    made = desk()
    assert made.adopt(pin="994167") == 3
    assert "did not take the code" in capsys.readouterr().err
    assert made.codes_sent() == ["VERIFY"]
    assert not (made.folder / "out").exists()


def test_a_code_that_nobody_has_leaves_its_step_out_and_says_which_pin_holds(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]
) -> None:
    made = desk()
    assert made.adopt(puk="") == 0
    assert "Left out: " in (told := capsys.readouterr().out)
    assert "The PIN of this card is now the new one." in told
    assert "get a new PIN by the old one" in made.report["may"]


def test_a_card_with_one_try_left_is_not_asked_again(desk: Callable[..., Desk]) -> None:
    made = desk("B", ("counting-empty-verify",))
    made.card.codes.pin.tries_max = 2
    made.card.codes.pin.tries_left = 2
    assert made.adopt() == 0
    assert made.report["done"]["counter"] == "asked twice: 1, None"


def test_a_card_whose_counter_costs_tries_is_not_asked_for_it(desk: Callable[..., Desk]) -> None:
    made = desk("B", ("counting-empty-verify",))
    assert made.adopt() == 0
    first, second = made.report["done"]["counter"].removeprefix("asked twice: ").split(", ")
    assert first != second
    assert 'counter = { value = "none"' in (made.folder / "out/made-up-region.toml").read_text("utf-8")


@pytest.mark.parametrize("kind", "ACD")
def test_other_kinds_are_adopted_too(desk: Callable[..., Desk], kind: str) -> None:
    made = desk(kind)
    assert made.adopt() == 0
    assert {outcome for key, outcome in made.report["done"].items() if key not in ("number", "counter")} == {"accepted"}


@pytest.mark.parametrize(
    ("answers", "word"),
    [
        ({"levels": "1.2.3=3"}, "levels: 1.2.3=3"),
        ({"levels": "1.2.752.74.5.3=9"}, "levels: 1.2.752.74.5.3=9"),
        ({"same_number": "perhaps"}, "same_number: must be one of yes, no"),
        ({"name": "Made Up"}, "name"),
    ],
)
def test_an_answer_that_cannot_be_used_is_named_before_a_code_goes_out(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str], answers: dict[str, str], word: str
) -> None:
    made = desk("B", (), **answers)
    assert made.adopt() == 2
    assert word in capsys.readouterr().err
    assert made.codes_sent() == []


def test_a_missing_answer_key_or_card_is_told(desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]) -> None:
    made = desk()
    del made.answers["unblocking"]
    assert made.adopt() == 2
    assert "answers.toml: unblocking: must be a text" in capsys.readouterr().err
    assert made.card.log == []
    (made.folder / "key.pem").unlink()
    assert made.adopt() == 2
    assert "openssl genpkey" in capsys.readouterr().err


def test_a_card_that_nobody_understands_is_told(desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str]) -> None:
    made = desk("B", ("pace",))
    assert made.adopt() == 3
    assert "does not understand the card" in capsys.readouterr().err
    assert (
        read_trace(made.folder / "out/card.trace", ProfileKeys.load(made.folder / "out/profile-keys.pem")).profile == ""
    )
    assert made.codes_sent() == []


@pytest.mark.parametrize(("trait", "tries"), [("pads-00", 2), ("pads-ff", 2), ("padding-untold", 3)])
def test_a_pin_that_was_not_taken_may_go_out_with_the_other_filler(
    desk: Callable[..., Desk], trait: str, tries: int
) -> None:
    made = desk("B", (trait,), try_padding="yes")
    assert made.adopt() == 0
    assert made.sent["try_padding"] == ["VERIFY"]
    assert made.report["done"]["verify, other filler"] == "accepted"
    assert any(ability.startswith("be unlocked with its PUK") for ability in made.report["may"])
    profile = tomllib.loads((made.folder / "out/made-up-region.toml").read_text("utf-8"))
    assert profile["commands"]["pad"]["value"] == (0x00 if trait == "pads-00" else 0xFF)
    declined = desk("B", (trait,))
    assert declined.adopt() == 3
    assert (declined.codes_sent(), declined.card.tries_left[0]) == (["VERIFY"], tries)


def test_the_stations_program_has_it_too(desk: Callable[..., Desk]) -> None:
    made = desk()
    assert made.adopt(lambda words: kortkiosk(["card", *words])) == Exit.DONE
    assert made.report["profile"] == "made-up-region"


def test_a_card_with_two_pins_signs_with_each(desk: Callable[..., Desk]) -> None:
    made = desk(second="482915")
    assert made.adopt() == 0
    assert {outcome for key, outcome in made.report["done"].items() if key not in ("number", "counter")} == {"accepted"}
    assert "twin: verify, signature" in made.report["done"]
    assert made.report["questions"] + len({"pin", "new_pin", "puk", "signature_pin"}) <= 12


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape != "rsa-3072"])
def test_cards_of_every_shape_are_adopted_without_a_personal_number(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str], shape: str
) -> None:
    made = desk(shape=shape)
    assert made.adopt() == 0
    assert {outcome for key, outcome in made.report["done"].items() if key not in ("number", "counter")} == {"accepted"}
    number = personal_number(made.card.persona)
    kept = b"".join(path.read_bytes() for path in (made.folder / "out").iterdir()) + capsys.readouterr().out.encode()
    for text in (number, number[2:], number.encode().hex(), number[2:].encode().hex()):
        assert text.encode() not in kept
