"""Registry of an authority: claim codes and issued certificates, as two JSON files. Call it under the directory's lock."""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from provisioning import files
from provisioning.claim import Claim

ISSUED_FILE = "issued.json"


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One certificate of a station. `serial` is its X.509 serial number; times are aware."""

    station: str
    epoch: int
    serial: int
    issued: datetime
    not_after: datetime
    revoked: datetime | None = None


class Registry:
    """claims.json and issued.json of one authority."""

    def __init__(self, directory: Path) -> None:
        self._claims = directory / "claims.json"
        self._issued = directory / ISSUED_FILE

    def claims(self) -> dict[str, Claim]:
        claims = [Claim(**_read(row, "expires", "used")) for row in files.read_json(self._claims, default=[])]
        return {claim.id: claim for claim in claims}

    def keep_claim(self, claim: Claim) -> None:
        """Add a claim, or replace the one with its id."""
        claims = self.claims() | {claim.id: claim}
        files.write_json(self._claims, [_written(kept_claim) for kept_claim in claims.values()])

    def issued(self) -> list[CertificateRecord]:
        rows = files.read_json(self._issued, default=[])
        return [
            CertificateRecord(**_read(row | {"serial": int(row["serial"], 16)}, "issued", "not_after", "revoked"))
            for row in rows
        ]

    def add_issued(self, issued: CertificateRecord) -> None:
        self.keep_issued([*self.issued(), issued])

    def keep_issued(self, issued: list[CertificateRecord]) -> None:
        files.write_json(self._issued, [_written(record) | {"serial": f"{record.serial:x}"} for record in issued])


def _written(row: Claim | CertificateRecord) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(row).items()}


def _read(row: dict[str, Any], *times: str) -> dict[str, Any]:
    return row | {name: datetime.fromisoformat(row[name]) for name in times if row[name] is not None}
