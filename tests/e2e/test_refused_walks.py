"""Refusals of errands walked through pcscd on cards of each kind, and on a card that no profile names, with fleet and issuer.

What is walked stands in `sim.stories.refused_walks`. Each ends with `refused`, exit code 3 and its
reason, and no code is printed.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.reader.profiles import Profiles
from kiosk.cli import Exit
from kiosk.station import reader_settings
from kiosk.steps import own_card
from kiosk.steps.order import PAGE
from sim.reader.cards import VirtualCard
from sim.reader.personas import PIN, person
from sim.reader.rogue import Signs, copy_card
from sim.stories.foreign import known_without_ours
from sim.stories.patience import LIMIT_S
from sim.stories.refused_walks import REFUSED_WALKS, UNNAMED, WRONG_PIN, WRONG_PUK, RefusedWalk
from tests.fakes.fleet.refusing_region import IMPORTED_AGO, prepare_refusals
from tests.fakes.fleet.region import Region
from tests.fakes.station.refused_files import order_of, refused_file
from tests.fakes.station.walking import codes_in, walk

pytestmark = [pytest.mark.broker, pytest.mark.pcsc]
EVERY = [(refused, kind) for refused in REFUSED_WALKS for kind in refused.kinds]
SLICE = 17
WALKED = EVERY if "KORTKIOSK_REFUSED_WALKS" in os.environ else EVERY[::SLICE]
"""All of them in `make refused-walks`; else some of each kind: the step is no multiple of the number of kinds."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """A region whose register has cards that are held, blocked, unknown and so on, with its issuer and its server."""
    region = Region(tmp_path_factory.mktemp("refused") / "region", prepare=prepare_refusals, imported_ago=IMPORTED_AGO)
    with pytest.MonkeyPatch.context() as patch, region.issuer(), region.serve():
        patch.setenv("KORTKIOSK_TEST_AUTHORITY", region.environment["KORTKIOSK_TEST_AUTHORITY"])
        yield region


def pages_to(served: Region, walked: RefusedWalk) -> int:
    """How often the administrator turns the page to that person's order."""
    rows = [row for row in served.api("orders")["items"] if row["delivery"] == "station" and row["state"] == "waiting"]
    orders = sorted(row["order"] for row in rows)
    wanted = order_of(person(walked.whose))
    return orders.index(wanted) // PAGE if wanted in orders else 0


def loading(refused: RefusedWalk) -> Callable[[Path], VirtualCard]:
    """How a card is met: a copy in place of one that is to be copied."""
    signs: dict[str, Signs] = {"copied": "own key", "signs nothing": "nothing"}
    copies = {f"{name}.json": signs[flaw] for name, flaw in refused.flaws.items() if flaw in signs}
    load = VirtualCard.load
    return lambda path: copy_card(load(path), copies[path.name]) if path.name in copies else load(path)


@pytest.mark.parametrize(
    ("refused", "kind"), WALKED, ids=[f"{refused.errand}-{refused.reason}-{kind}" for refused, kind in WALKED]
)
def test_an_errand_is_refused_on_every_kind_of_card(
    served: Region,
    pcscd: dict[int, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    refused: RefusedWalk,
    kind: str,
) -> None:
    if kind == UNNAMED:
        monkeypatch.setattr(reader_settings, "builtin", lambda: Profiles(known_without_ours()))
    monkeypatch.setattr(own_card, "ASK_S", LIMIT_S)  # a register that is slow to answer refuses nobody
    monkeypatch.setattr(VirtualCard, "load", loading(refused))
    pages = pages_to(served, refused) if refused.errand == "attend" else 0
    file = refused_file(tmp_path, refused, kind, pages)
    first, second = pcscd.values()
    more = ["--admin-reader", second] if refused.errand == "administrate" else []
    walked = walk(capsys, refused.errand, file, *more, "--config", str(served.places.config), reader=first)
    assert (walked.last["outcome"], walked.last["reason"]) == ("refused", refused.reason), (walked.said, walked.views)
    assert walked.code == Exit.REFUSED
    assert codes_in(walked, (PIN, WRONG_PIN, WRONG_PUK, person(refused.whose).new.puk)) == []
