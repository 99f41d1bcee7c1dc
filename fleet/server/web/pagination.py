"""Pagination of lists: a hundred rows a page.

>>> pages_of(0), pages_of(101)
(1, 2)
"""

from typing import Annotated, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel

ROWS = 100


def pages_of(total: int) -> int:
    """Return the number of pages that so many rows take; an empty list has one."""
    return max(1, -(-total // ROWS))


MOST_ROWS = 500
MOST_OFFSET = 10_000_000
"""The audit of ten years is shorter."""
T = TypeVar("T")
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
Offset = Annotated[int, Query(ge=0, le=MOST_OFFSET)]
Page = Annotated[int, Query(ge=1, le=10_000)]
Number = Annotated[int, Path(ge=1, le=2**53)]
Name = Annotated[str, Path(max_length=64)]


class Rows(BaseModel, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: int | None


class CountedRows(Rows[T], Generic[T]):
    """One page of a list whose length is known."""

    total: int


def next_offset(offset: int, limit: int, total: int) -> int | None:
    """Of the page after; None where this is the last."""
    return offset + limit if offset + limit < total else None
