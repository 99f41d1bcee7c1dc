"""Database URL: a file of SQLite, or a PostgreSQL database by its address.

Rules: a password is never part of an address, because arguments are seen by everyone on the machine: it comes from a file that
its owner alone can read, or from where libpq looks by itself (`PGPASSFILE`, `~/.pgpass`, `PGPASSWORD`).

>>> str(postgres_place("postgresql://fleet@db.example/fleet"))
'postgresql+psycopg://fleet@db.example/fleet'
"""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

Place = Path | URL

SCHEMES = ("postgresql", "postgres")
SECRET_OPTIONS = ("password", "passfile", "sslpassword")


class DatabaseUrlError(ValueError):
    """The address or the file with its password cannot be used. The text says why, and never holds a password."""


def postgres_place(address: str, password_file: Path | None = None) -> URL:
    """Read an address such as `postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full`. Raises DatabaseUrlError."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise DatabaseUrlError("write postgresql://USER@HOST:PORT/DATABASE") from None
    if url.drivername not in SCHEMES:
        raise DatabaseUrlError("the address of a database begins with postgresql://")
    if url.password is not None or any(option in url.query for option in SECRET_OPTIONS):
        raise DatabaseUrlError("a password does not belong into the address: use --database-password FILE or ~/.pgpass")
    if not url.database:
        raise DatabaseUrlError("the address names no database: postgresql://USER@HOST:PORT/DATABASE")
    url = url.set(drivername="postgresql+psycopg")
    return url if password_file is None else url.set(password=_password(password_file))


def describe_database(place: Place) -> str:
    """For messages: the path, or the address without what is secret."""
    if isinstance(place, Path):
        return str(place)
    shown = URL.create("postgresql", place.username, None, place.host, place.port, place.database, place.query)
    return shown.render_as_string()


def _password(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise DatabaseUrlError(f"{path}: others can read this password; chmod 600 it")
        first, *_ = path.read_text(encoding="utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError) as error:
        raise DatabaseUrlError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    if not first:
        raise DatabaseUrlError(f"{path}: the first line is to be the password")
    return first
