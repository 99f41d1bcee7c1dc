"""Finder of the server's rooms: the folders of its subjects, and of parts of subjects, by what lies in them.

A new room needs no line elsewhere: its `templates/`, `texts/` and `labels.py` are found by their names.

>>> "alerts" in {folder.parent.name for folder in folders("texts")}
True
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import fleet.server

_SERVER = Path(fleet.server.__file__).parent


def folders(name: str) -> list[Path]:
    """The folders of that name in all rooms."""
    return [path for path in _found(name) if path.is_dir()]


def modules(name: str) -> dict[str, ModuleType]:
    """The modules of that name in all subjects, by the room's own name."""
    paths = (path for path in _found(f"{name}.py") if path.parent.name != "pages")
    return {path.parent.name: import_module(_dotted(path)) for path in paths}


def _found(name: str) -> list[Path]:
    return sorted([*_SERVER.glob(f"*/{name}"), *_SERVER.glob(f"*/*/{name}")])


def _dotted(path: Path) -> str:
    return ".".join((fleet.server.__name__, *path.relative_to(_SERVER).with_suffix("").parts))
