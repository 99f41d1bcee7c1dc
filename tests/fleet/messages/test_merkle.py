"""The Merkle tree of RFC 6962: its own test vectors, and every leaf of every small tree."""

import hashlib

import pytest

from fleet.messages.merkle import Tree, root_of

INPUTS = [
    bytes.fromhex(one)
    for one in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Of the first so many inputs, as the reference implementation of RFC 6962 has them."""


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_the_reference(size: int) -> None:
    assert Tree(INPUTS[:size]).root.hex() == ROOTS[size - 1]


@pytest.mark.parametrize("size", [*range(1, 34), 500])
def test_each_entry_is_proved_at_its_place_and_nowhere_else(size: int) -> None:
    entries = [b"%d" % number for number in range(size)]
    tree = Tree(entries)
    for index, entry in enumerate(entries):
        path = tree.path(index)
        assert root_of(entry, index, size, path) == tree.root
        assert root_of(b"another", index, size, path) != tree.root
        assert root_of(entry, (index + 1) % size, size, path) != tree.root or size == 1
        assert root_of(entry, index, size, [*path, bytes(32)]) != tree.root
        assert root_of(entry, index, size, path[:-1]) != tree.root or not path
    assert root_of(entries[0], size, size, tree.path(0)) is None
    assert root_of(entries[0], -1, size, tree.path(0)) is None


def test_a_node_is_no_leaf() -> None:
    tree = Tree([b"a", b"b"])
    left, right = (hashlib.sha256(b"\0" + one).digest() for one in (b"a", b"b"))
    assert Tree([left + right]).root != tree.root


def test_no_tree_is_empty() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Tree([])
