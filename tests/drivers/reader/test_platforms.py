"""The library on Windows and macOS, by stand-ins of the platform: no such machine took part.

Each program loads what others made first, then takes away what that platform lacks and gives what it has.
"""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOADED_FIRST = """
import asyncio, ctypes, getpass, importlib.resources, logging, mmap, os, pathlib, pkgutil, signal, subprocess, sys, tempfile
import ssl, sysconfig, types, urllib.request
sysconfig.get_config_vars()
import asn1crypto, cryptography.x509, joserfc.jws, pydantic, pyhanko_certvalidator, smartcard.scard
from cryptography.hazmat.primitives.serialization import pkcs7
"""
ABSENT = """
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
for name in absent:
    sys.modules.pop(name, None)
"""
WINDOWS = (
    """
sys.platform = "win32"
ssl.enum_certificates = lambda store: []
absent = {"fcntl", "grp", "pwd", "resource", "termios"}
del os.O_DIRECTORY
folders = os.open
def no_folders(path, *more, **named):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return folders(path, *more, **named)
os.open = no_folders
class Pages(mmap.mmap):
    madvise = property(lambda self: self.no_such)
mmap.mmap = Pages
calls = []
held = []
def locking(handle, mode, length):
    calls.append((mode, length))
    if held:
        held.pop()
        raise PermissionError(13, "Permission denied")
sys.modules["msvcrt"] = types.SimpleNamespace(LK_NBLCK=2, locking=locking)
class Kernel:
    VirtualLock = staticmethod(lambda address, length: calls.append(("VirtualLock", length.value)) or 1)
class Windll:
    kernel32 = Kernel()
ctypes.windll = Windll()
def no_program(name, *more, **named):
    raise TypeError("LoadLibrary() argument 1 must be str, not None")
ctypes.CDLL = no_program
os.environ["LOCALAPPDATA"] = str(pathlib.Path(sys.argv[1]) / "local")
"""
    + ABSENT
)
MACOS = (
    """
sys.platform = "darwin"
absent = {"evdev", "pwd"}
del mmap.MADV_DONTDUMP
def advise(self, advice):
    raise OSError(22, "Invalid argument")
class Pages(mmap.mmap):
    madvise = advise
mmap.mmap = Pages
calls = [(2, 1), ("VirtualLock", 16384)]
held = []
"""
    + ABSENT
)
PROGRAM = """
import drivers.reader
for module in pkgutil.walk_packages(drivers.reader.__path__, "drivers.reader."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
for name in drivers.reader.__all__:
    assert getattr(drivers.reader, name) is not None, name
code = drivers.reader.Secret("123456")
assert code.reveal() == "123456"
assert drivers.reader.secret.CodeBuffer._arena.locked
held.append("another program")
ledger = drivers.reader.FileLedger(pathlib.Path(sys.argv[1]) / "tries.json")
ledger.spend("card", "01")
assert drivers.reader.FileLedger(pathlib.Path(sys.argv[1]) / "tries.json").used("card", "01") == 1
assert (2, 1) in calls and ("VirtualLock", 16384) in calls, calls
print("runs as", sys.platform, drivers.reader.system.state_directory())
"""


@pytest.mark.parametrize(("name", "platform", "place"), [("win32", WINDOWS, "local"), ("darwin", MACOS, "state")])
def test_the_library_loads_counts_tries_and_locks_its_memory(
    name: str, platform: str, place: str, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LOADED_FIRST + platform + PROGRAM), str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")},
    )  # fmt: skip
    assert ended.stdout == f"runs as {name} {tmp_path / place / 'kortkiosk'}\n", ended.stderr[-800:]
