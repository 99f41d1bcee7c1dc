"""Issuer gateway of a station: the client's ports, the queue of blocks, the region's data, and where its files go."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from drivers.reader.certificates.revocation.store import RevocationStore
from drivers.reader.certificates.trust_store import TrustStore
from drivers.reader.model import Chain
from fleet.agent import blocks, region
from fleet.agent.answer_verification import AnswerVerifier
from fleet.agent.at_rest import station_cipher
from fleet.agent.blocks import BlockQueue
from fleet.agent.identity import Identity
from fleet.agent.keeping import Asker
from fleet.agent.region import RegionFile, SyncedRegion
from fleet.agent.store import StationStore
from kiosk.config import Config
from kiosk.issuer.administrator_login import FleetAdministrators
from kiosk.issuer.card_keys import FleetCardKeys
from kiosk.issuer.client import FleetBlocking, FleetIssuer, IssuerRequests
from kiosk.issuer.proof_of_possession import CardProofs
from kiosk.ports import Clock, Orders

SCHEMAS = (blocks.SCHEMA, region.SCHEMA)

logger = logging.getLogger(__name__)


class IssuerGateway:
    """Made beside the link. Raises StoreError."""

    def __init__(
        self,
        identity: Identity,
        store: StationStore,
        link: Asker,
        clock: Clock,
        *,
        on_files: Callable[[Sequence[RegionFile]], None] = lambda files: None,
        on_signed_time: Callable[[datetime, float], None] = lambda issued, took_s: None,
    ) -> None:
        """`store` was opened with `SCHEMAS` among its schemas. The callbacks are those of `fleet.agent.region.Region`."""
        words = AnswerVerifier(identity)
        self._station = identity.station
        self._requests = IssuerRequests(link, words)
        self._clock = clock
        self.queue = BlockQueue(store, link, words, station_cipher(identity))
        self.region = SyncedRegion(store, link, words, clock.now, on_files=on_files, on_signed_time=on_signed_time)

    def ports(self, orders: Orders, trust: TrustStore | None) -> dict[str, Any]:
        """Fields of a journey's `Capabilities` that this stands behind. `trust`: whose cards count, as the readers have it."""

        async def judge(der: bytes) -> Chain:
            return "unchecked" if trust is None else await trust.judge(der, self._clock.now())

        def today() -> str:
            return self._clock.now().astimezone().date().isoformat()

        issuer = FleetIssuer(self._requests)
        return {
            "issuer": issuer,
            "directory": issuer,
            "blocking": FleetBlocking(self.queue, self._requests, self._clock),
            "card_keys": FleetCardKeys(self._requests, self._station),
            "administrators": FleetAdministrators(self._requests, orders, judge, today),
            "proofs": CardProofs(self._station, self._clock.now),
            "switches": self.region,
        }

    def start(self) -> "list[asyncio.Task[None]]":
        """Tell blocks, fetch the region's data, until the tasks are cancelled."""
        return [
            asyncio.create_task(self.queue.run(), name="block-queue"),
            asyncio.create_task(self.region.run(), name="region"),
        ]


def keep_files(files: Sequence[RegionFile], config: Config, base: Path) -> None:
    """Revocation data count at once, profiles at the next start. Each is verified by whoever uses it. Never raises."""
    folder, revocation = config.profiles.folder, RevocationStore(base / config.revocation_folder)
    try:
        for file in files:
            if file.kind in ("crl", "ocsp"):
                revocation.take(file.content)
            elif file.kind.startswith("profile") and folder and Path(file.name).name == file.name:
                (base / folder).mkdir(parents=True, exist_ok=True)
                (base / folder / file.name).write_bytes(file.content)
    except OSError as error:
        logger.warning("the region's files cannot be kept: %s", error.strerror)
