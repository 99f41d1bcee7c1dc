"""Who a program may be. What root gives up is seen from outside, in tests/attacks/test_separation.py."""

import os
import pwd
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fleet.server.process.privileges import PrivilegeError, give_up_root

ROOT = os.geteuid() == 0


@pytest.mark.parametrize(("user", "said"), [("no-such-user", "there is no such user"), ("root", "that is root")])
def test_a_user_that_is_none_or_root_is_refused(user: str, said: str) -> None:
    with pytest.raises(PrivilegeError, match=said):
        give_up_root(user, unseparated=True)


@pytest.mark.skipif(not ROOT, reason="this is not root")
def test_root_is_refused_and_told_what_to_do() -> None:
    with pytest.raises(PrivilegeError, match="--user NAME"):
        give_up_root(None, unseparated=False)
    give_up_root(None, unseparated=True)


GIVEN_UP = """
import os, sys
from pathlib import Path
from fleet.server.process.privileges import give_up_root

give_up_root("nobody", unseparated=False, folders=(Path(sys.argv[1]),), groups=(4242,))
print(os.getresuid(), os.getresgid(), sorted(os.getgroups()))
for regain in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0])):
    try:
        regain()
        print("regained")
    except PermissionError:
        pass
print("NoNewPrivs:\\t1" in Path("/proc/self/status").read_text())
"""


@pytest.mark.skipif(not ROOT, reason="this is not root")
def test_root_is_given_up_for_good_and_folders_are_the_user_s() -> None:
    """In a process of its own: what is given up does not come back."""
    entry = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are root's alone
        Path(folder).chmod(0o711)
        made = Path(folder) / "data"
        said = subprocess.run([sys.executable, "-c", GIVEN_UP, str(made)], capture_output=True, text=True, check=True)
        assert (made.stat().st_uid, made.stat().st_mode & 0o777) == (entry.pw_uid, 0o700)
    ids = f"{(entry.pw_uid,) * 3} {(entry.pw_gid,) * 3} {sorted({entry.pw_gid, 4242})}"
    assert said.stdout.splitlines() == [ids, "True"]


@pytest.mark.skipif(not ROOT, reason="this is not root")
def test_a_folder_that_the_user_cannot_write_is_named() -> None:
    said = subprocess.run([sys.executable, "-c", GIVEN_UP, "/etc"], capture_output=True, text=True, check=False)
    assert "PrivilegeError: /etc: nobody cannot write there; chown -R nobody /etc" in said.stderr
