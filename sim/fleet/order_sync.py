"""Order synchronization of a simulated station, when it is told to: page by page, each under the server's signature.

Rules: what is in a page is not kept, since a simulated station hands out made-up cards. One question at a time; an answer that is
not the server's ends it, and so does silence.
"""

import asyncio
import contextlib
from collections.abc import Callable

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from fleet.messages.asking import SYNC_TYP
from fleet.messages.link import Answer, Ask, MessageError, SyncAsk, SyncPage, decode
from fleet.messages.statements import ALGORITHM

TIMEOUT_S = 10.0
OFFLINE, FORGED = "offline", "forged"


class OrderSync:
    """Order synchronization of one station. `ask` sends a question, and says whether there was a line. `key`: the server's."""

    def __init__(self, station: str, key: ECKey, ask: Callable[[Ask], bool]) -> None:
        self._station = station
        self._key = key
        self._ask = ask
        self._one = asyncio.Lock()
        self._answer: asyncio.Future[Answer] | None = None

    def take(self, answer: Answer) -> None:
        """The server's answer to what was asked last."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    async def run(self) -> str:
        """All pages. Gives why it was not done, as a code; empty where it was."""
        cursor: str | None = None
        async with self._one:
            while True:
                self._answer = asyncio.get_running_loop().create_future()
                if not self._ask(SyncAsk(cursor)):
                    return OFFLINE
                try:
                    page = self._page(await asyncio.wait_for(self._answer, TIMEOUT_S))
                except TimeoutError:
                    return OFFLINE
                if page is None:
                    return FORGED
                if page.next is None:
                    return ""
                cursor = page.next

    def _page(self, answer: Answer) -> SyncPage | None:
        with contextlib.suppress(JoseError, MessageError, ValueError, TypeError, RecursionError):
            signed = jws.deserialize_compact(answer.jws or "", self._key, algorithms=[ALGORITHM])
            page: SyncPage = decode(SyncPage, signed.payload or b"")
            if signed.protected.get("typ") == SYNC_TYP and page.station == self._station:
                return page
        return None
