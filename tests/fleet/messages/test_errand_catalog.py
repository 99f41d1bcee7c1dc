"""The catalog of errands: what a file says, and how one that cannot be used is refused."""

from pathlib import Path

import pytest

from fleet.messages.errand_catalog import ErrandCatalogError, ErrandEntry, catalog, entry_of, folder, read_catalog
from kiosk.errands.registry import ERRANDS, errand_of

WHOLE = """\
id = "expires"
order = 95
icon = "calendar-clock"
place = "more"
who = "holder"
needs = ["reader"]
own_card = true
receipt = false
retention = "errands"
"""


def written(errands: Path, text: str) -> Path:
    (errands / "expires").mkdir()
    (errands / "expires" / "errand.toml").write_text(text, encoding="utf-8")
    return errands


def test_a_folder_is_an_errand(tmp_path: Path) -> None:
    (entry,) = read_catalog(written(tmp_path, WHOLE))
    assert (entry.id, entry.needs, entry.while_closed, entry.simulated) == ("expires", {"reader"}, False, None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("own_card = true", ""),
        ("own_card = true", 'own_card = "yes"'),
        ('"errands"', '"for ever"'),
        ('["reader"]', '["toaster"]'),
        ('place = "more"', 'place = "roof"'),
        ('id = "expires"', 'id = "other"'),
        ("order = 95", "order = 95\ncolour = 1"),
        ("order = 95", "order ="),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(ErrandCatalogError, match=r"expires/errand\.toml"):
        read_catalog(written(tmp_path, WHOLE.replace(old, new)))


@pytest.mark.parametrize("entry", catalog(), ids=[entry.id for entry in catalog()])
def test_the_folder_has_what_an_errand_is_made_of(entry: ErrandEntry) -> None:
    own = folder() / entry.id
    for name in ("journey.py", "stories.py", "walk.toml", "README.md", "texts/sv.po", "texts/en.po"):
        assert (own / name).is_file(), name


def test_no_two_errands_have_one_place() -> None:
    orders = [entry.order for entry in catalog()]
    assert orders == sorted(set(orders))


def test_station_and_fleet_know_the_same_errands_and_beginnings() -> None:
    assert [errand.entry for errand in ERRANDS] == list(catalog())
    assert entry_of("of_tomorrow") is None
    found = errand_of("found_again")
    assert found is not None
    assert (found.id, found.journey.__name__) == ("report_lost", "found_again")
    assert errand_of("nothing") is None
