"""Attended hand-overs with fleet server and issuer. A letter that is not at hand: the issuer answers for the card, or sends
another one, in the one log-in that attested who the holder is. A card with a former name: its holder is told, and chooses."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.demo.issuer import SEED
from sim.reader.cards import VirtualCard
from sim.reader.personas import person
from tests.fakes.fleet.region import Region, everybody_is_here
from tests.fakes.station.walking import NEW_PIN, Walked, codes_in, example, walk

pytestmark = pytest.mark.broker
Capsys = pytest.CaptureFixture[str]
POSTED = (9, 10, 11)
RENAMED = {2: "Alva Nyttnamn", 10: "Bo Nyttnamn"}
VIEWS = {"attend": "pickup", "activate": "activate"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    region = Region(tmp_path_factory.mktemp("letters") / "region", posted=POSTED)
    seed = region.places.issuer / SEED
    everybody_is_here(seed)
    rename(seed)
    with pytest.MonkeyPatch.context() as patch, region.issuer(), region.serve():
        patch.setenv("KORTKIOSK_TEST_AUTHORITY", region.environment["KORTKIOSK_TEST_AUTHORITY"])
        yield region


def rename(seed: Path) -> None:
    """Some have changed their names since their cards were ordered."""
    content = json.loads(seed.read_bytes())
    names = {person(number).hsa_id: name for number, name in RENAMED.items()}
    for someone in content["people"]:
        if someone["hsa_id"] in names:
            someone |= {"name": names[someone["hsa_id"]], "name_changed": "2026-01-15"}
    seed.write_text(json.dumps(content), encoding="utf-8")


def entry(view: str, value: str) -> str:
    return f'view = "{view}"\nvalue = "{value}"\n\n'


def without_letter(file: Path, errand: str, *, letter: bool) -> None:
    """The documented answers of somebody who has no letter: `letter`: who has another one sent, and goes."""
    name = VIEWS[errand]
    head, *entries = file.read_text(encoding="utf-8").split("[[answer]]\n")
    at = next(number for number, said in enumerate(entries) if f'"{name}.terms"' in said)
    none = entry(f"{name}.terms", "no_envelope")
    if letter:
        ways = (("without", "letter"), ("order_letter", "order"), ("letter_ordered", "end"))
        last = [] if errand == "attend" else ['view = "closing.take_card"\ndo = "remove"\n']
        entries = [*entries[:at], none, *(entry(f"{name}.{view}", value) for view, value in ways), *last]
    else:
        rest = [said for said in entries[at:] if f'"{name}.puk"' not in said]
        entries = [*entries[:at], none, entry(f"{name}.without", "administrator"), *rest]
    file.write_text("[[answer]]\n".join([head, *entries]), encoding="utf-8")


def former_name(file: Path, errand: str, value: str) -> None:
    """The documented answers of somebody whose card has a former name: `take` or `leave`."""
    name = VIEWS[errand]
    terms = f'[[answer]]\nview = "{name}.terms"'
    head, _, rest = file.read_text(encoding="utf-8").partition(terms)
    if value == "leave":
        last = "" if errand == "attend" else '[[answer]]\nview = "closing.take_card"\ndo = "remove"\n'
        rest = "[[answer]]\n" + entry(f"{name}.stop.former_name", "end") + last
    else:
        rest = terms + rest
    file.write_text(f"{head}[[answer]]\n{entry(f'{name}.former_name', value)}{rest}", encoding="utf-8")


def walked(
    served: Region, folder: Path, capsys: Capsys, errand: str, number: int, *, lost: bool = True, letter: bool = False,
    said: str = "",
) -> Walked:  # fmt: skip
    file = example(errand, folder, "B", number)
    text = file.read_text(encoding="utf-8")
    page = served.api("orders")["items"]
    waiting = sorted(row["order"] for row in page if row["delivery"] == "station" and row["state"] != "collected")
    if errand == "attend":
        more = '[[answer]]\nview = "pickup.which"\nvalue = "more"\n\n' * (waiting.index(f"2026-{number:04d}") // 4)
        which = '[[answer]]\nview = "pickup.which"'
        file.write_text(text.replace(which, more + which), encoding="utf-8")
    if lost:
        without_letter(file, errand, letter=letter)
    if said:
        former_name(file, errand, said)
    return walk(capsys, errand, file, "--config", str(served.places.config))


@pytest.mark.parametrize(("errand", "number"), [("attend", 7), ("activate", 9)])
def test_the_issuer_answers_for_the_card(
    served: Region, tmp_path: Path, capsys: Capsys, errand: str, number: int
) -> None:
    done = walked(served, tmp_path, capsys, errand, number)
    assert (done.last["outcome"], done.last["card_number"]) == ("done", person(number).new.card_number), done.said
    card = VirtualCard.load(tmp_path / f"new-{number}-B.json")
    assert card.codes.pin.value == NEW_PIN.encode()
    assert codes_in(done, (person(number).new.puk, NEW_PIN)) == []


@pytest.mark.parametrize(("errand", "number"), [("attend", 8), ("activate", 11)])
def test_a_letter_is_sent_and_with_it_the_order_goes_on(
    served: Region, tmp_path: Path, capsys: Capsys, errand: str, number: int
) -> None:
    sent = walked(served, tmp_path, capsys, errand, number, letter=True)
    assert (sent.last["outcome"], sent.last["reason"]) == ("cancelled", "letter_ordered"), sent.said
    again = walked(served, tmp_path, capsys, errand, number, lost=False)
    assert again.last["outcome"] == "done", again.said


@pytest.mark.parametrize(("errand", "number"), [("attend", 2), ("activate", 10)])
def test_a_card_with_a_former_name_waits_for_its_holders_word(
    served: Region, tmp_path: Path, capsys: Capsys, errand: str, number: int
) -> None:
    refused = walked(served, tmp_path, capsys, errand, number, lost=False, said="leave")
    assert (refused.last["outcome"], refused.last["reason"]) == ("refused", "former_name"), refused.said
    taken = walked(served, tmp_path, capsys, errand, number, lost=False, said="take")
    assert taken.last["outcome"] == "done", taken.said
