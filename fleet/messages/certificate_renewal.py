"""Renewal of a station's certificate over its link: the ask, and when it is due.

>>> from datetime import UTC, datetime
>>> renewal_due(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)).date().isoformat()
'2026-03-02'
"""

from datetime import datetime

import msgspec

MAX_REQUEST_CHARACTERS = 4096


class RenewalAsk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="identity.renew", tag_field="ask"):
    """Renew my certificate, which has signed this ask, for the key of this PKCS#10 `request` (DER in base64): `certificates` of
    the answer."""

    request: str


def renewal_due(not_before: datetime, not_after: datetime) -> datetime:
    """Two thirds of a certificate's time."""
    return not_before + (not_after - not_before) * 2 / 3
