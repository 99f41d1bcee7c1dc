"""Settings of the region's directory over LDAP, `directory.toml`. Paths are relative to the file.

[ldap]
url = "ldaps://ek.example"              # or ldap:// with starttls = true; never without TLS
ca = "directory-ca.pem"
bind_dn = "cn=kortkiosk,ou=system,dc=region,dc=example"
bind_secret = "bind.secret"             # a file of mode 0600
base = "ou=people,dc=region,dc=example"
filter = "(objectClass=inetOrgPerson)"

[ldap.attributes]                       # of an entry; only hsa_id must be there
hsa_id = "employeeNumber"
name = "cn"
left = "hsaEndDate"                     # a day: 2026-11-20, or generalized time
mail = "mail"
organisation = "o"
certificates = "userCertificate;binary"
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from fleet.server.people.model import Fact
from fleet.server.process.default_settings import SettingsError, load_struct

Attribute = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9-]*(;[A-Za-z0-9-]+)*$", max_length=100)]
YES_VALUES = ("true", "yes", "1")


class AttributeMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes of an entry, by the fact that each gives. `protected` and `continued` are TRUE or FALSE there."""

    hsa_id: Attribute
    name: Attribute | None = None
    protected: Attribute | None = None
    left: Attribute | None = None
    continued: Attribute | None = None
    name_changed: Attribute | None = None
    mail: Attribute | None = None
    organisation: Attribute | None = None
    certificates: Attribute | None = None
    """Where a person's certificates stand (DER): stations know a leaver's card by them."""

    def facts(self) -> Mapping[Fact, str]:
        """By fact, the attribute that says it."""
        every = msgspec.structs.asdict(self)
        return {fact: name for fact, name in every.items() if name and fact not in ("hsa_id", "certificates")}  # type: ignore[misc]  # names of facts

    def names(self) -> list[str]:
        """All attributes that are asked for."""
        return sorted({name for name in msgspec.structs.asdict(self).values() if name})


class LdapSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the directory: where it is, who asks, and what is read of it."""

    url: Annotated[str, msgspec.Meta(pattern=r"^ldaps?://[^\s/?#@]{1,250}$")]
    ca: str
    bind_dn: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    bind_secret: str
    base: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    attributes: AttributeMap
    filter: Annotated[str, msgspec.Meta(pattern=r"^\(.*\)$", max_length=2000)] = "(objectClass=person)"
    starttls: bool = False
    every_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 15
    page: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    limit_s: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0
    """For each answer of the directory."""
    missing: Literal["left", "nothing"] = "left"
    """What it means where a person who was there is there no more."""


class DirectorySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file, with absolute paths."""

    ldap: LdapSettings

    @classmethod
    def load(cls, path: Path) -> "DirectorySettings":
        """Raises SettingsError."""
        settings = load_struct(path, cls)
        ldap, base = settings.ldap, path.resolve().parent
        if ldap.url.startswith("ldap:") != ldap.starttls:
            raise SettingsError(f"{path}: ldap.url: ldaps://, or ldap:// with starttls = true")
        if not (base / ldap.ca).is_file():
            raise SettingsError(f"{path}: ldap.ca: {base / ldap.ca} is no file")
        read_secret(base / ldap.bind_secret)
        paths = {"ca": str(base / ldap.ca), "bind_secret": str(base / ldap.bind_secret)}
        return cls(msgspec.structs.replace(ldap, **paths))


def read_secret(path: Path) -> str:
    """The bind password: the first line of the file. Raises SettingsError."""
    try:
        if path.stat().st_mode & 0o077:
            raise SettingsError(f"{path}: others can read it; make its mode 0600")
        secret = path.read_text("utf-8").split("\n", 1)[0]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    if not secret:
        raise SettingsError(f"{path}: is empty, and a bind without a password is anonymous")
    return secret
