"""The HMAC that MicroPython takes where micropython-lib is not to be had, beside CPython's."""

import hashlib
import hmac
import importlib.util
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import drivers.cabinet.firmware

FILE = Path(drivers.cabinet.firmware.__file__).parent / "fallback" / "hmac.py"
_SPEC = importlib.util.spec_from_file_location("fallback_hmac", FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
fallback = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(fallback)


@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=50))
def test_it_agrees_with_cpython(key: bytes, message: bytes, more: bytes) -> None:
    ours = fallback.new(key, message, hashlib.sha256)
    ours.update(more)
    assert ours.digest() == hmac.new(key, message + more, hashlib.sha256).digest()
