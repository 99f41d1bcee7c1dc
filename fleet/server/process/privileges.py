"""Privilege separation: a program that reads what strangers send does not run as root.

Rules: root is refused unless it is given up for a user (`--user`) before anything from outside is read, or the program runs
unseparated, which is for demonstrations and tests; supplementary groups, group and user go in this order, for good.

>>> give_up_root(None, unseparated=True)
"""

import argparse
import ctypes
import os
import pwd
from pathlib import Path

_PR_SET_NO_NEW_PRIVS = 38
"""prctl(2): no program that is started later gains what this one has given up."""


class PrivilegeError(Exception):
    """The program may not run as this user. The text says why and what to do."""


def add_user_options(command: argparse.ArgumentParser, *, help_unseparated: str) -> None:
    command.add_argument("--user", metavar="NAME", help="give up root for this user before anything is read")
    command.add_argument("--unseparated", action="store_true", help=help_unseparated)


def give_up_root(
    user: str | None, *, unseparated: bool, folders: tuple[Path, ...] = (), groups: tuple[int, ...] = ()
) -> None:
    """Become `user`, where root starts the program, also of these `groups`. Missing `folders` are made for that user.

    Raises PrivilegeError, OSError.
    """
    if user is None:
        if os.geteuid() == 0 and not unseparated:
            raise PrivilegeError(
                "this does not run as root: name its own user with --user NAME, or start it by its systemd unit"
                " (`kortkiosk-fleet units`)"
            )
        return
    entry = _entry(user)
    if os.geteuid() != 0:
        if entry.pw_uid != os.geteuid():
            raise PrivilegeError(f"--user {user}: only root can become another user")
    else:
        for folder in folders:
            _make_for(folder, entry)
        _become(entry, groups)
    for folder in folders:
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PrivilegeError(f"{folder}: {user} cannot write there; chown -R {user} {folder}")


def _entry(user: str) -> pwd.struct_passwd:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise PrivilegeError(f"--user {user}: there is no such user") from None
    if entry.pw_uid == 0:
        raise PrivilegeError(f"--user {user}: that is root")
    return entry


def _make_for(folder: Path, entry: pwd.struct_passwd) -> None:
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        os.chown(folder, entry.pw_uid, entry.pw_gid)


def _become(entry: pwd.struct_passwd, groups: tuple[int, ...]) -> None:
    os.setgroups([*os.getgrouplist(entry.pw_name, entry.pw_gid), *groups])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no_new_privs cannot be set")
    os.environ.update(HOME=entry.pw_dir, USER=entry.pw_name, LOGNAME=entry.pw_name)
