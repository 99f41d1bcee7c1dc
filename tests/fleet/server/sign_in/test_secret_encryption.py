"""Secrets of accounts at rest: sealed under a key outside the store, which is made once, kept to its owner, and rotated."""

import json
from pathlib import Path

import pytest
from sqlalchemy import select, update

from fleet.server.accounts import secret_encryption as sealing
from fleet.server.accounts.secret_encryption import KEY_FILE, Sealer, SecretsError, account, sealer_for
from fleet.server.accounts.tables import users
from fleet.server.cli import main
from fleet.server.database.database import FILE_NAME, Database
from fleet.server.sign_in import one_time_codes as codes
from fleet.server.sign_in.service import Access, SignedIn
from tests.fakes.server.databases import new_store
from tests.fakes.server.visitors import SEALER
from tests.fleet.server.sign_in.conftest import PASSWORD, Admin, Turned

MADE_UP = "MADEUPMADEUPMADEUPMADEUPMADEUP22"


def held(database: Database) -> tuple[str | None, str | None]:
    """Of the one account: in the clear, and sealed."""
    with database.reading.begin() as connection:
        row = connection.execute(select(users.c.secret, users.c.sealed_secret)).one()
    return row.secret, row.sealed_secret


def test_a_secret_opens_for_the_account_that_it_belongs_to_and_no_other() -> None:
    sealed = SEALER.seal(MADE_UP, account(1))
    assert SEALER.open(sealed, account(1)) == MADE_UP
    with pytest.raises(SecretsError, match="account 2: its secret was changed, or is another one's"):
        SEALER.open(sealed, account(2))
    assert SEALER.seal(MADE_UP, account(1)) != sealed, "a nonce each time"


def test_no_changed_character_opens() -> None:
    sealed = SEALER.seal("x", account(1))
    for at in range(len(sealed) - 2):  # of the last one, bits that are not used may differ
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(SecretsError) as error:
            SEALER.open(changed, account(1))
        assert sealed.rpartition(".")[2] not in str(error.value)


def test_the_first_start_makes_the_key_for_its_owner_alone(access: Access, tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    first = sealer_for(access.database, path, makes=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert sealer_for(access.database, path, makes=True).current == first.current


def test_what_an_earlier_version_left_in_the_clear_is_sealed_at_the_start(
    admin: Admin, access: Access, clock: Turned, tmp_path: Path
) -> None:
    with access.database.writing.begin() as connection:
        connection.execute(update(users).values(secret=MADE_UP, sealed_secret=None))
    sealer = sealer_for(access.database, tmp_path / KEY_FILE, makes=True)
    clear, sealed = held(access.database)
    assert clear is None
    assert sealed is not None
    assert MADE_UP not in sealed
    again = Access(access.database, clock, sealer)
    clock.on(minutes=1)
    code = codes.code_at(MADE_UP, clock().timestamp())
    assert isinstance(again.sign_in("tove", PASSWORD, code, "192.0.2.7"), SignedIn)


@pytest.mark.usefixtures("admin")
def test_a_lost_key_is_said_and_no_new_one_made_in_its_place(access: Access, tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    with pytest.raises(SecretsError, match="is missing: secrets of the store are sealed with it"):
        sealer_for(access.database, path, makes=True)
    assert not path.exists()
    sealing.write(path, {"other": bytes(32)})
    with pytest.raises(SecretsError, match=r"sealed with the key 'made-up', which secrets\.key does not have"):
        sealer_for(access.database, path, makes=True)


def test_a_process_of_pages_alone_makes_no_key(access: Access, tmp_path: Path) -> None:
    with pytest.raises(SecretsError, match="is missing"):
        sealer_for(access.database, tmp_path / KEY_FILE, makes=False)


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("a " + "A" * 43 + "=\n", 0o644, "others can read it; make its mode 0600"),
        ("", 0o600, "holds no key of 32 bytes"),
        ("a AAAA\n", 0o600, "holds no key of 32 bytes"),
        ("a b c\n", 0o600, "is no file of keys"),
        ("a ****\n", 0o600, "is no file of keys"),
    ],
)
def test_a_file_that_is_no_good_says_why(tmp_path: Path, text: str, mode: int, said: str) -> None:
    path = tmp_path / KEY_FILE
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(SecretsError, match=said):
        sealing.read(path)


def test_after_a_rotation_servers_that_run_and_new_ones_open_everything(
    admin: Admin, access: Access, clock: Turned, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "authority" / "server" / KEY_FILE
    path.parent.mkdir(parents=True)
    sealing.write(path, {"made-up": bytes(32)})
    running = Access(access.database, clock, sealer_for(access.database, path, makes=True))
    before = held(access.database)
    for _ in range(2):
        told = ["--data", str(tmp_path), "--authority", str(tmp_path / "authority"), "--json"]
        assert main(["secrets", "rotate", *told]) == 0
        assert json.loads(capsys.readouterr().out) == {"ok": True, "sealed": 1}
    assert held(access.database) != before
    assert "made-up" not in sealing.read(path), "the key before the last goes"
    assert len(sealing.read(path)) == 2
    clock.on(minutes=1)
    assert isinstance(running.sign_in("tove", PASSWORD, admin.code(), "192.0.2.7"), SignedIn)
    assert access.entries(action="secrets.rotate")[1] == 2


def test_a_rotation_without_the_key_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new_store(tmp_path / FILE_NAME).close()
    assert main(["secrets", "rotate", "--data", str(tmp_path), "--authority", str(tmp_path)]) == 2
    assert "is missing" in capsys.readouterr().err


def test_without_a_key_no_one_time_code_is_looked_at(admin: Admin, access: Access, clock: Turned) -> None:
    clock.on(minutes=1)
    with pytest.raises(SecretsError, match="given no key"):
        Access(access.database, clock).sign_in("tove", PASSWORD, admin.code(), "192.0.2.7")


def test_what_a_newer_key_sealed_is_no_riddle() -> None:
    with pytest.raises(SecretsError, match="restore that file"):
        Sealer({"old": bytes(32)}).open(SEALER.seal("x", account(1)), account(1))
