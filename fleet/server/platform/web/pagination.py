"""Lists page by page: a hundred rows each.

>>> pages_of(0), pages_of(101)
(1, 2)
"""

ROWS = 100


def pages_of(total: int) -> int:
    """How many pages that many rows take; an empty list has one."""
    return max(1, -(-total // ROWS))
