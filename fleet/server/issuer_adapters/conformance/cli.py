"""Command line of the conformance suite, `kortkiosk-fleet issuer-check`: holds an issuer's adapter against the interface.

    $ kortkiosk-fleet issuer-check https://issuer.example --issuer issuer.toml --cards cards.toml

`--issuer` is the file that `serve --issuer` takes: who we are, and whom we trust; the URL stands for its `link.secure`. Cards are
changed only as `--cards` allows.

Exit codes: 0 all passed, 2 bad input or usage, 3 a check failed, 4 the issuer does not answer.
"""

import argparse
import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleet.server.database.options import complain
from fleet.server.issuer_adapters.conformance.changes import CardChanges
from fleet.server.issuer_adapters.conformance.conversation import Conversation, Transport
from fleet.server.issuer_adapters.conformance.renewal import Published, Renewals
from fleet.server.issuer_adapters.conformance.settings import CheckCards
from fleet.server.issuer_adapters.conformance.suite import CheckResult, Issuer, Suite
from fleet.server.issuer_adapters.est import EstIssuer
from fleet.server.issuer_adapters.revocation_status import PublishedStatus
from fleet.server.issuers.http_client import IssuerHttp, anonymous_tls
from fleet.server.issuers.settings import IssuerSettings
from fleet.server.process.default_settings import SettingsError

DONE, BAD_INPUT, FAILED, AWAY = 0, 2, 3, 4


def add_parsers(commands: Any, command: Callable[..., argparse.ArgumentParser]) -> None:
    """`command` makes a parser with the options that all have."""
    check = command(commands, "issuer-check", _check)
    check.add_argument("url", metavar="URL", help="where EST and REST are, https://")
    check.add_argument("--issuer", type=Path, required=True, metavar="FILE.toml", help="as for serve: keys and trust")
    check.add_argument(
        "--cards", type=Path, required=True, metavar="FILE.toml", help="the test cards, and what may be done to them"
    )


def _check(arguments: argparse.Namespace) -> int:
    try:
        settings, cards = IssuerSettings.load(arguments.issuer), CheckCards.load(arguments.cards)
        heard, results = asyncio.run(check(arguments.url, settings, cards, lambda: datetime.now(UTC)))
    except SettingsError as error:
        return complain(arguments, str(error), BAD_INPUT)
    except (OSError, ValueError) as error:
        return complain(arguments, f"{arguments.cards}: {error}", BAD_INPUT)
    if not heard:
        return complain(arguments, f"the issuer does not answer: {results[-1].detail}", AWAY)
    report = as_object(arguments.url, results)
    print(json.dumps(report) if arguments.json else as_text(results), flush=True)
    return DONE if report["ok"] else FAILED


async def check(
    url: str, settings: IssuerSettings, cards: CheckCards, clock: Callable[[], datetime]
) -> tuple[int, list[CheckResult]]:
    """Run the suite; return how many answers came, and the results. Raises SettingsError, OSError and ValueError for
    files of certificates."""
    nobody_tls = anonymous_tls(settings.base / settings.link.ca)
    async with (
        IssuerHttp(url, settings.tls()) as secure,
        IssuerHttp(url, nobody_tls) as nobody,
        IssuerHttp(settings.link.public) as public,
    ):
        issuer = issuer_at(secure, public, settings, cards.administrator, clock, nobody)
        results = await Suite(issuer, cards).run()
        return issuer.conversation.heard, results


def issuer_at(
    secure: IssuerHttp,
    public: IssuerHttp,
    settings: IssuerSettings,
    administrator: str,
    clock: Callable[[], datetime],
    nobody: Transport | None = None,
) -> Issuer:
    """Return the issuer at those addresses, for the suite. Raises SettingsError."""
    issuers = settings.trusted_issuers()
    anchors, authorities = list(issuers.anchors), [*issuers.authorities, *issuers.anchors]
    talk = Conversation(secure)
    status = PublishedStatus(public, settings.trust.lists, settings.trust.ocsp, authorities)
    return Issuer(
        talk,
        CardChanges(talk, administrator, clock),
        nobody,
        Renewals(talk, EstIssuer(secure, labels=settings.labels), settings.offer_rules(), anchors, clock),
        Published(status, authorities, clock),
    )


def as_object(url: str, results: Sequence[CheckResult]) -> dict[str, object]:
    """With stable keys, see docs/issuer.md."""
    count = Counter(result.outcome for result in results)
    return {
        "ok": not count["failed"],
        "url": url,
        "passed": count["passed"],
        "failed": count["failed"],
        "skipped": count["skipped"],
        "checks": [result._asdict() for result in results],
    }


def as_text(results: Sequence[CheckResult]) -> str:
    """A table, and the sum."""
    widths = [max(len(result[column]) for result in results) for column in range(3)]
    lines = [
        "  ".join(
            [*(text.ljust(width) for text, width in zip(result[:3], widths, strict=True)), result.detail]
        ).rstrip()
        for result in results
    ]
    count = Counter(result.outcome for result in results)
    return "\n".join([*lines, f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"])
