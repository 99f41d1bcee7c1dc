"""Test cards that the operator names for the conformance suite, and what may be done to each.

administrator = "SE2321000016-1A2B"   # the HSA-id in whose name changes are made

[[card]]
number = "9999000020260011"
hsa_id = "SE2321000016-9T01"
may = ["hold", "received", "letter"]  # nothing else is done to it; without `may` it is only looked up
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from fleet.server.process.default_settings import load_model

HsaId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,30}-[A-Z0-9]{1,30}$")]
CardNumber = Annotated[str, Field(pattern=r"^[A-Z0-9]{4,40}$")]
Hex = Annotated[str, Field(pattern=r"^([0-9a-f]{16}|[0-9a-f]{32})$")]
Permission = Literal["received", "hold", "block", "letter", "challenge", "puk", "renew"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CheckCard(_Table):
    """A test card. `certificate`: PEM file of its present certificate, for a renewal. `challenge`, `response`: a pair of its key
    that is known, hex, where there is one."""

    number: CardNumber
    hsa_id: HsaId
    may: tuple[Permission, ...] = ()
    ordered: bool = False
    """Whether the issuer's list of orders has it."""
    certificate: str = ""
    challenge: Hex = "0011223344556677"
    response: Hex | None = None
    serial: Annotated[str, Field(pattern=r"^[0-9a-f]{0,64}$")] = ""


class CheckCards(_Table):
    """Test cards that the operator lays out for the suite."""

    administrator: HsaId
    unknown_card: CardNumber = "NOSUCHCARD0000"
    """A number that the issuer has not."""
    lacks: tuple[Literal["received", "hold", "lift", "letter", "challenge", "puk"], ...] = ()
    """Changes that the issuer has not: they are left out, and told as skipped."""
    card: Annotated[tuple[CheckCard, ...], Field(min_length=1)]
    base: Path = Path()

    def may(self, card: CheckCard, permission: Permission) -> bool:
        """Return whether the suite may do that to the card, and the issuer offers it."""
        return permission in card.may and permission not in self.lacks

    @classmethod
    def load(cls, path: Path) -> "CheckCards":
        """Raises SettingsError."""
        return load_model(path, cls)
