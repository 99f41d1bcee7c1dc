"""HMAC (RFC 2104) for a board without micropython-lib's `hmac`, with the part of its interface that we use.

Rules: same names and arguments as micropython-lib and CPython; `digestmod` is a constructor of `hashlib` with blocks
of 64 bytes (SHA-256). A MAC is asked for once, since MicroPython's hashes cannot be copied. Used by MicroPython's Unix
port in tests and by firmware that is built without micropython-lib; manifest.py says `require("hmac")` otherwise.

    hmac.new(key, message, hashlib.sha256).digest()
"""

_BLOCK = 64


class HMAC:
    """One MAC under way."""

    def __init__(self, key, msg=None, digestmod=None):
        """`key` and `msg` are bytes."""
        if digestmod is None:
            raise TypeError("digestmod is needed")
        if len(key) > _BLOCK:
            key = digestmod(key).digest()
        key = key + bytes(_BLOCK - len(key))
        self._inner = digestmod(bytes([byte ^ 0x36 for byte in key]))
        self._outer = digestmod(bytes([byte ^ 0x5C for byte in key]))
        if msg:
            self._inner.update(msg)

    def update(self, msg):
        """Take in more of the message."""
        self._inner.update(msg)

    def digest(self):
        """The MAC, all of it."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()


def new(key, msg=None, digestmod=None):
    """As CPython's `hmac.new`."""
    return HMAC(key, msg, digestmod)
