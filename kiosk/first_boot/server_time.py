"""The fleet server's signed time, asked over the link that the new identity has: what differs is the machine's clock."""

import asyncio
from pathlib import Path

from fleet.agent.answer_verification import SyncRefused
from fleet.agent.keeping import AskTimeout, LinkDown
from fleet.agent.link import Timing
from fleet.agent.proxy import Proxy
from kiosk.clock import SystemClock
from kiosk.config import Config
from kiosk.station.build_fleet import connect, load_identity, open_file, region_listeners

LOOK_EVERY_S = 0.2


async def measure_clock(config: Config, base: Path, wait_s: float, clock: SystemClock | None = None) -> int:
    """By how many seconds the machine's clock is ahead of the server's. Writes no event.

    Raises TimeoutError with what kept the server from answering, JoinError.
    """
    clock, identity = clock or SystemClock(), load_identity(config, base)
    why = "no connection"
    file = await open_file(config, base, "setup", identity)
    try:
        listeners = region_listeners(config, base, clock, lambda: None)
        timing, proxy = Timing(first_s=0.0), Proxy.at(config.network.proxy_server)
        fleet = connect(identity, file, clock, timing, region=listeners, proxy=proxy)
        fleet.link.start()
        try:
            async with asyncio.timeout(wait_s):
                while clock.off_s is None:
                    try:
                        await fleet.issuer.region.refresh()
                    except (LinkDown, AskTimeout, SyncRefused) as error:
                        why = str(error) or why
                        await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            address = f"{identity.broker.host}:{identity.broker.port}"
            raise TimeoutError(f"the fleet server at {address} does not answer over the link ({why})") from None
        finally:
            await fleet.link.stop()
    finally:
        file.close()
    return clock.off_s
