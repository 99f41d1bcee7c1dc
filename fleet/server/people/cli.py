"""Command line of the region's directory, `kortkiosk-fleet directory-check`: what `directory.toml` finds, in figures.

Rules: nothing is stored, and no name is shown. A directory that does not answer, or gives nobody, ends with 4.

    $ kortkiosk-fleet directory-check directory.toml
    people 18211, unreadable 0, name 18211, left 402, mail 17990, organisation 18211, certificates 15120
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fleet.server.database.options import complain
from fleet.server.people.directory_settings import DirectorySettings
from fleet.server.people.directory_sync import read_people
from fleet.server.people.model import DirectoryAwayError
from fleet.server.process.default_settings import SettingsError

DONE, BAD_INPUT, AWAY = 0, 2, 4


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    check = command(commands, "directory-check", _check)
    check.add_argument("file", type=Path, metavar="FILE.toml", help="as `serve --directory` takes it")


def _check(arguments: argparse.Namespace) -> int:
    try:
        from fleet.server.people.ldap_directory import LdapDirectory  # others need no libldap

        settings = DirectorySettings.load(arguments.file).ldap
        page = read_people(LdapDirectory(settings))
    except (SettingsError, ImportError) as error:
        return complain(arguments, str(error), BAD_INPUT)
    except DirectoryAwayError as error:
        return complain(arguments, f"{error}{f': {error.__cause__}' if error.__cause__ else ''}", AWAY)
    figures = {"people": len(page.people), "unreadable": page.unreadable}
    for fact in settings.attributes.facts():
        figures[fact] = sum(facts.get(fact) is not None for facts in page.people.values())
    figures["certificates"] = sum(map(len, page.certificates.values()))
    summary = ", ".join(f"{name} {number}" for name, number in figures.items())
    print(json.dumps({"ok": True, **figures}) if arguments.json else summary, flush=True)
    return DONE
