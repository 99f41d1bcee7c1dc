"""Attended unlocks walked through pcscd on cards of each kind, where the issuer's portal is for people: one carries challenge,
response and PUK between the walk and the simulated issuer's page, as on a computer beside the station."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from drivers.reader.secret import Secret
from kiosk.cli import Exit
from kiosk.views import ChallengeDrawing, View
from kiosk.walk.screen import WalkScreen
from sim.demo.issuer import SEED
from sim.reader.personas import person
from tests.fakes.fleet.region import Region, activated_elsewhere, everybody_is_here
from tests.fakes.station.walking import NEW_PIN, PIN, Walked, codes_in, example, walk

pytestmark = [
    pytest.mark.broker,
    pytest.mark.pcsc,
    pytest.mark.skipif("KORTKIOSK_REFUSED_WALKS" not in os.environ, reason="make refused-walks"),
]
WHOSE = {"A": 1, "B": 2, "C": 3, "D": 5}
"""A PUK is shown once."""
CARRIED = (("portal_challenge", "typed"), ("portal_compare", "send"))
"""What the file answers; the person at the portal answers the rest."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region whose server has no key of any card."""
    region = Region(tmp_path_factory.mktemp("portal") / "region")
    everybody_is_here(region.places.issuer / SEED)
    activated_elsewhere(region.places.issuer / SEED, WHOSE.values())
    with pytest.MonkeyPatch.context() as patch, region.issuer():
        settings = region.places.issuer / "issuer.toml"
        text = re.sub(r"(?m)^card_keys = .*$", 'unlocks = "portal"', settings.read_text(encoding="utf-8"))
        settings.write_text(text, encoding="utf-8")
        with region.serve():
            patch.setenv("KORTKIOSK_TEST_AUTHORITY", region.environment["KORTKIOSK_TEST_AUTHORITY"])
            yield region


class PersonAtPortal:
    """Reads the station's screen, and types there and in the portal."""

    def __init__(self, region: Region, card_number: str, mistypes: int = 0) -> None:
        self._url = f"http://127.0.0.1:{region.issuer_ports[1]}/portal"
        self._card, self._mistypes = card_number, mistypes
        self._challenge = ""
        self.typed: list[str] = []

    def read(self, do: str, **fields: str) -> str:
        form = urlencode({"do": do, "who": person(13).hsa_id, "card": self._card, **fields}).encode()
        with urlopen(self._url, form) as page:
            text: str = page.read().decode()
        return text.partition('<p id="answer">')[2].partition("<")[0]

    def answer(self, view: View[Any]) -> Secret | str | None:
        """What the portal shows, where the station asks for that."""
        if isinstance(view.drawing, ChallengeDrawing) and view.name.endswith("portal_challenge"):
            self._challenge = view.drawing.digits
        if view.name.endswith("portal_response"):
            shown = self.read("challenge", challenge=self._challenge)
            self.typed.append(shown[::-1] if len(self.typed) < self._mistypes else shown)
            return self.typed[-1]
        if view.name.endswith("portal_puk"):
            self.typed.append(self.read("puk"))
            return Secret(self.typed[-1])
        return None


def walked(
    served: Region, reader: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    kind: str, steps: tuple[tuple[str, str], ...], mistypes: int = 0,
) -> tuple[Walked, PersonAtPortal]:  # fmt: skip
    number = WHOSE[kind]
    file = example("unblock", folder, kind, number, "walk_attended.toml")
    asked = "".join(f'[[answer]]\nview = "unblock.{view}"\nvalue = "{value}"\n\n' for view, value in steps)
    done = '[[answer]]\nview = "unblock.done"'
    file.write_text(file.read_text().replace(done, asked + done))
    someone, shown = PersonAtPortal(served, person(number).new.card_number, mistypes), WalkScreen.show

    async def show(self: WalkScreen, view: View[Any]) -> Any:
        return someone.answer(view) or await shown(self, view)

    monkeypatch.setattr(WalkScreen, "show", show)
    return walk(capsys, "unblock", file, "--config", str(served.places.config), reader=reader), someone


@pytest.mark.parametrize("kind", WHOSE)
def test_who_attends_carries_it_between_card_and_portal(
    served: Region,
    pcscd: dict[int, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    reader, steps = next(iter(pcscd.values())), CARRIED if kind == "B" else ()
    said, someone = walked(served, reader, tmp_path, capsys, monkeypatch, kind, steps)
    assert (said.code, said.last["outcome"]) == (Exit.DONE, "done"), said.said
    assert said.last["receipt"] is not None
    assert len(someone.typed) == 1
    assert codes_in(said, (PIN, NEW_PIN, *someone.typed)) == []


def test_a_response_that_was_mistyped_costs_a_try_and_another_challenge_opens_the_card(
    served: Region,
    pcscd: dict[int, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    steps = (*CARRIED, ("portal_wrong", "again"), *CARRIED)
    said, someone = walked(served, next(iter(pcscd.values())), tmp_path, capsys, monkeypatch, "B", steps, mistypes=1)
    assert (said.code, said.last["outcome"]) == (Exit.DONE, "done"), said.said
    names = [view.removeprefix("unblock.") for view in said.views]
    assert [name for name in names if name in ("portal_challenge", "portal_wrong", "done")] == [
        "portal_challenge", "portal_wrong", "portal_challenge", "done",
    ]  # fmt: skip
    assert len(set(someone.typed)) == 2
    assert codes_in(said, someone.typed) == []
