"""The rooms of the server: the folders of its subjects, found by what lies in them.

>>> [folder.parent.name for folder in folders("texts")][:2]
['accounts', 'alerts']
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import fleet.server

_SERVER = Path(fleet.server.__file__).parent


def folders(name: str) -> list[Path]:
    """The folders of that name in all rooms: a new room needs no line elsewhere."""
    return sorted(folder for folder in _SERVER.glob(f"*/{name}") if folder.is_dir())


def modules(name: str) -> dict[str, ModuleType]:
    """The modules of that name in all rooms, by room."""
    found = sorted(path.parent.name for path in _SERVER.glob(f"*/{name}.py"))
    return {room: import_module(f"{fleet.server.__name__}.{room}.{name}") for room in found}
