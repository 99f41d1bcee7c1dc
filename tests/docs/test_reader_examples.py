"""The examples for whoever writes a profile or uses the reader as a library are the program's own: they are run here."""

import contextlib
import importlib
import io
import re
import tomllib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pydantic import BaseModel

from drivers.reader.outcomes import Role
from drivers.reader.profiles import CardSigns, Profile, builtin
from drivers.reader.profiles.signed import ProfileKeys, add_signed
from drivers.reader.program.__main__ import main
from kiosk.config import Config
from kiosk.station.reader_settings import card_profiles
from tests.docs.pages import DOCS, blocks, page

KEY = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (example,) = blocks("toml profile", DOCS / "profiles.md")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "region-card.toml").write_text(example, "utf-8")
    (tmp_path / "key.pem").write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "profile-keys.pem").write_bytes(public)
    return tmp_path


def signed(folder: Path) -> int:
    return main(["sign", str(folder / "profiles" / "region-card.toml"), "--key", str(folder / "key.pem")])


def test_the_worked_example_is_checked_signed_and_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert signed(folder) == 0
    assert capsys.readouterr().out.endswith("region-card-7xx, not verified: commands.counter_of_puk\n")
    (station,) = blocks("toml station", DOCS / "profiles.md")
    known = card_profiles(Config.model_validate(tomllib.loads(station)), folder)
    assert known.refused == ()
    atr = bytes.fromhex("3B7F96000080318065B0850400771202F0829000")
    profile = known.profiles.match(CardSigns(atr, label="Region card 7-12"), "pkcs15")
    assert profile is not None
    assert (profile.name, profile.unblocking.by, profile.puk.floor) == ("region-card-7xx", "administrator", 4)
    assert profile.counter(Role.PUK) == "none"


def test_a_refusal_is_told_as_the_page_says(folder: Path) -> None:
    assert signed(folder) == 0
    path = folder / "profiles" / "region-card.toml"
    path.write_text(path.read_text("utf-8") + "# changed", "utf-8")
    loaded = add_signed(builtin(), folder / "profiles", ProfileKeys.load(folder / "profile-keys.pem"))
    assert f"`{loaded.refused[0]}`" in page("profiles.md")


def names(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        table = isinstance(inner, type) and issubclass(inner, BaseModel)
        found |= names(inner, f"{prefix}{name}.") if table else {f"{prefix}{name}"}  # type: ignore[arg-type]
    return found


def test_every_key_of_a_profile_is_told() -> None:
    told = set(re.findall(r"`([a-z_.]+)`", page("profiles.md")))
    common = {"min_length", "max_length", "charset", "tries"}
    known = {key for key in names(Profile) if key not in {"name", "title", "rank", "evidence"}}
    assert {key for key in known if key.partition(".")[2] not in common or "." not in key} <= told
    assert common <= told


def test_every_profile_that_ships_is_told() -> None:
    shipped = page("profiles.md").split("## What ships")[1]
    first = "\n".join(re.findall(r"^\| (`.+?) \|", shipped, re.MULTILINE))
    assert set(re.findall(r"`([a-z0-9-]+)`", first)) == {profile.name for profile in builtin()}


def test_the_example_of_the_library_prints_what_the_page_says() -> None:
    (code,), (printed,) = blocks("python example", DOCS / "reader.md"), blocks("text example", DOCS / "reader.md")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "docs/reader.md", "exec"), {"__name__": "example"})  # noqa: S102  # our own page
    assert out.getvalue().strip() == printed


def test_every_name_of_the_table_is_there_with_its_methods() -> None:
    rows = re.findall(r"^\| `(drivers\.[\w.]+)` \| `(\w+)` \| (.+) \|$", page("reader.md"), re.MULTILINE)
    assert len(rows) > 8
    for module, name, text in rows:
        there = getattr(importlib.import_module(module), name)
        for method in re.findall(r"`(\w+)\(\)`", text):
            assert hasattr(there, method) or hasattr(importlib.import_module(module), method), f"{module}: {method}"
