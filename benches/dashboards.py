"""Open dashboards in a process of their own: readers of the feed that pages follow. Nothing of what changed is fetched.

    python -m benches.dashboards PORT COOKIE,COOKIE... COUNT

They are shared out between the sessions of the cookies, in turn.

Says a line of JSON once all streams stand, and when its standard input ends one more: when each of them had each frame.
"""

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Sequence

LIMIT = 1 << 20


async def _follow(port: int, cookie: str, stands: asyncio.Event) -> list[float]:
    """Return when each frame came, but for the first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=LIMIT)
    head = f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n"
    writer.write(head.encode())
    came: list[float] = []
    try:
        while line := await reader.readline():
            if line.startswith((b"event: changed", b"event: resync")):
                if stands.is_set():
                    came.append(time.perf_counter())
                stands.set()
    except asyncio.CancelledError:
        writer.close()
    return came


async def main(port: int, cookies: Sequence[str], count: int) -> None:
    stands = [asyncio.Event() for _ in range(count)]
    shared = zip(itertools.cycle(cookies), stands, strict=False)
    following = [asyncio.create_task(_follow(port, cookie, stand)) for cookie, stand in shared]
    for started in stands:
        await asyncio.wait_for(started.wait(), 30)
    print(json.dumps({"ready": count}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in following:
        task.cancel()
    print(json.dumps(await asyncio.gather(*following)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])))
