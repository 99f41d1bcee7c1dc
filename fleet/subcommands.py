"""Subcommands that are loaded on demand: a program's table names each with its help and its module.

Rules:
- Of a program's modules only that of the subcommand that was asked for is imported: so it starts quickly, and the others may
  miss a package. Help and wrong usage import none.
- It is imported without the collector of garbage, which would find none: what is imported stays. And no other package is asked
  for plug-ins of pydantic, which reads every package that is installed.
- A subcommand without a module belongs to another wheel, which names its module by an entry point of the program's group. It is
  listed where that wheel is installed.

>>> parser = argparse.ArgumentParser("made-up")
>>> table = [Subcommand("cut", "what cuts", "json"), Subcommand("fly", "what flies")]
>>> add_subcommands(parser, ["cut"], table, "made_up.commands", lambda commands, module: commands.add_parser("cut"))
>>> parser.parse_args(["cut"])
Namespace()
"""

import argparse
import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

BAD_INPUT = 2
WHEEL = "kortkiosk-sim"
"""The wheel that has what the tables name without a module."""


@dataclass(frozen=True, slots=True)
class Subcommand:
    """One row of a program's table."""

    name: str
    help: str
    module: str = ""


def add_subcommands(
    parser: argparse.ArgumentParser,
    arguments: Sequence[str],
    table: Sequence[Subcommand],
    group: str,
    fill: Callable[[Any, ModuleType], object],
) -> None:
    """Let `fill` add the parser of the subcommand that was asked for, from its module; of the others add name and help.

    Ends the program with exit code 2 where the wheel is missing that has the subcommand.
    """
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    load: dict[str, Callable[[], ModuleType]] = {
        row.name: partial(import_module, row.module) for row in table if row.module
    }
    if command not in load:
        load |= _plugins(group)
    if command in load:
        fill(commands, _quickly(load[command]))
    elif any(row.name == command for row in table):
        parser.exit(BAD_INPUT, f"{parser.prog} {command}: install {WHEEL}, which has this command\n")
    for row in table:
        if row.name in load and row.name not in commands.choices:
            commands.add_parser(row.name, help=row.help)


def _quickly(load: Callable[[], ModuleType]) -> ModuleType:
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    gc.disable()
    try:
        return load()
    finally:
        if not gc.get_freeze_count():
            gc.freeze()
        gc.enable()


def _plugins(group: str) -> dict[str, Callable[[], ModuleType]]:
    """The entry points of a group, by name. Looking for them reads every package that is installed."""
    from importlib.metadata import entry_points

    return {entry.name: entry.load for entry in entry_points(group=group)}


def whole_number(least: int, most: int, unit: str = "") -> Callable[[str], int]:
    """A type for argparse: a whole number within these bounds."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number {unit and f'of {unit} '}from {least} to {most}")

    return parse
