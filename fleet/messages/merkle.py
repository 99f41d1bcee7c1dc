"""Merkle tree as RFC 6962 (section 2.1) builds one: many entries under one hash, and for each a path that proves it is there.

Rules: SHA-256; a leaf's hash begins with 00 and a node's with 01, so that neither can stand for the other; a node without
a sibling moves up as it is. Position and size of the tree are part of the proof.

>>> tree = Tree([b"a", b"b", b"c"])
>>> root_of(b"c", 2, 3, tree.path(2)) == tree.root, root_of(b"c", 1, 3, tree.path(1)) == tree.root
(True, False)
"""

import hashlib
from collections.abc import Sequence

LEAF, NODE = b"\x00", b"\x01"
HASH_BYTES = 32


class Tree:
    """Over at least one entry. Raises ValueError where there is none."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        if not entries:
            raise ValueError("a tree has at least one entry")
        self._levels = [[_leaf(entry) for entry in entries]]
        while len(self._levels[-1]) > 1:
            self._levels.append(_above(self._levels[-1]))

    @property
    def root(self) -> bytes:
        """The hash that stands for all entries."""
        return self._levels[-1][0]

    def path(self, index: int) -> list[bytes]:
        """The audit path of the entry at that place: the siblings from its leaf up."""
        siblings = []
        for level in self._levels[:-1]:
            if (beside := index ^ 1) < len(level):
                siblings.append(level[beside])
            index //= 2
        return siblings


def root_of(entry: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `size` that has this entry at this place, by its path (RFC 9162 section 2.1.3.2); None where no tree
    of that size has such a path."""
    if not 0 <= index < size:
        return None
    node_hash, last = _leaf(entry), size - 1
    for sibling in path:
        if last == 0:
            return None
        while index == last and index % 2 == 0:  # without a sibling here: it moved up as it was
            index, last = index // 2, last // 2
        node_hash = _node(sibling, node_hash) if index % 2 else _node(node_hash, sibling)
        index, last = index // 2, last // 2
    return node_hash if last == 0 else None


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [_node(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
    return pairs + list(level[len(level) - len(level) % 2 :])


def _leaf(entry: bytes) -> bytes:
    return hashlib.sha256(LEAF + entry).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()
