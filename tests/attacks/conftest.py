"""One line for each attack where `make attacks` asks for it: refused, or how it went."""

from collections.abc import Generator

import pytest

from tests.fakes.server.insider import server

__all__ = ["server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--attacks`: print a line for each attack."""
    parser.addoption("--attacks", action="store_true", help="print one line for each attack, with what came of it")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The attack's sentence goes with its report."""
    report = yield
    report.user_properties.append(("attack", sentence(item)))
    return report


def sentence(item: pytest.Item) -> str:
    """The first line of the test's docstring, with the parameters where the test has some."""
    said = (getattr(item, "function", item).__doc__ or item.name).strip().splitlines()[0].rstrip(".")
    found = getattr(item, "callspec", None)
    return f"{said} ({found.id})" if found is not None else said


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table of attacks, by file."""
    if not config.getoption("--attacks", default=False):
        return
    rows = [
        (report.nodeid, dict(report.user_properties).get("attack", report.nodeid), verdict)
        for verdict, kind in (
            ("refused", "passed"),
            ("SUCCEEDED", "failed"),
            ("SUCCEEDED", "xfailed"),
            ("not tried", "skipped"),
            ("not tried", "error"),
        )
        for report in terminalreporter.stats.get(kind, [])
        if report.when == "call" or kind != "passed"
    ]
    terminalreporter.section("attacks")
    for _, attack, verdict in sorted(rows):
        allowed = verdict == "refused" and attack.startswith("Control: ")
        terminalreporter.write_line(f"{'allowed' if allowed else verdict:<10} {attack}")
