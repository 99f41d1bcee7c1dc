"""BER-TLV as a PIV card takes it apart: what a command brings, one level at a time.

>>> parse(bytes.fromhex("5C035FC105"))
{92: b'_\\xc1\\x05'}
"""

from sim.reader import status
from sim.reader.status import StatusError

_LONG_TAG = 0x1F
_LENGTH_BYTES = {0x81: 1, 0x82: 2}


def parse(data: bytes) -> dict[int, bytes]:
    """Data objects by tag; a later one of the same tag wins. Raises StatusError(6A80)."""
    objects: dict[int, bytes] = {}
    while data:
        tag, value, data = _first(data)
        objects[tag] = value
    return objects


def inside(data: bytes, tag: int) -> dict[int, bytes]:
    """Return what is in the one template of that tag. Raises StatusError(6A80) where it is not there."""
    objects = parse(data)
    if tag not in objects:
        raise StatusError(status.BAD_DATA)
    return parse(objects[tag])


def _first(data: bytes) -> tuple[int, bytes, bytes]:
    tag_size = 2 if data[0] & _LONG_TAG == _LONG_TAG else 1
    tag, data = int.from_bytes(data[:tag_size], "big"), data[tag_size:]
    if not data:
        raise StatusError(status.BAD_DATA)
    size, data = data[0], data[1:]
    if size >= 0x80:
        count = _LENGTH_BYTES.get(size)
        if count is None or len(data) < count:
            raise StatusError(status.BAD_DATA)
        size, data = int.from_bytes(data[:count], "big"), data[count:]
    if len(data) < size:
        raise StatusError(status.BAD_DATA)
    return tag, data[:size], data[size:]
