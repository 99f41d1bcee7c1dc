"""LDAP client: the region's directory, read as a whole by paged searches over TLS. The one importer of bonsai."""

from pathlib import Path
from typing import Any

import bonsai

from fleet.server.people.directory_entries import Entry, read_page
from fleet.server.people.directory_settings import LdapSettings, read_secret
from fleet.server.people.model import DirectoryAwayError, DirectoryPage
from fleet.server.process.default_settings import SettingsError


class LdapDirectory:
    """Implements `PeopleSource`. The server's certificate is checked against the named authority alone."""

    def __init__(self, settings: LdapSettings) -> None:
        self._settings = settings

    def people(self) -> DirectoryPage:
        """Everybody whom the search finds. It blocks. Raises DirectoryAwayError."""
        settings = self._settings
        try:
            with self._client().connect(timeout=settings.limit_s) as connection:
                entries = connection.paged_search(
                    settings.base, bonsai.LDAPSearchScope.SUBTREE, settings.filter, settings.attributes.names(),
                    settings.limit_s, page_size=settings.page,
                )  # fmt: skip
                return read_page((_entry(each) for each in entries), settings.attributes)
        except SettingsError as error:
            raise DirectoryAwayError(str(error)) from None
        except (bonsai.LDAPError, UnicodeDecodeError) as error:
            raise DirectoryAwayError(f"LDAP: {type(error).__name__}") from error

    def _client(self) -> Any:
        settings = self._settings
        client = bonsai.LDAPClient(settings.url, tls=settings.starttls)
        client.set_ca_cert(settings.ca)
        client.set_cert_policy("demand")
        client.set_credentials("SIMPLE", user=settings.bind_dn, password=read_secret(Path(settings.bind_secret)))
        client.set_raw_attributes(settings.attributes.names())
        client.set_auto_page_acquire(True)
        client.set_ignore_referrals(True)
        return client


def _entry(ldap_entry: Any) -> Entry:
    return {name.lower(): list(ldap_entry[name]) for name in ldap_entry if name != "dn"}
