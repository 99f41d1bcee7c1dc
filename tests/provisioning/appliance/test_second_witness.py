"""chrony hears the fleet server's signed time: the real chronyd, with the appliance's file, which may set no clock here."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.clock import CHRONY, SystemClock
from kiosk.config import Config
from kiosk.station.build_fleet import region_listeners
from sim.stories.patience import LIMIT_S

pytestmark = pytest.mark.skipif(shutil.which("chronyd") is None, reason="chrony is not installed")


@pytest.fixture
def chrony(root: Path, tmp_path: Path) -> Iterator[Path]:
    """The folder of a running chronyd, and in it its socket and its log of samples."""
    text = (root / "etc/chrony/chrony.conf").read_text()
    for line in ("user _chrony", "rtcsync", "leapsectz right/UTC"):  # of the machine
        text = text.replace(f"{line}\n", "")
    text = text.replace(str(CHRONY), str(tmp_path / "sock")).replace("/var/lib/chrony", str(tmp_path))
    text += f"pidfile {tmp_path}/pid\nbindcmdaddress /\nlogdir {tmp_path}\nlog refclocks\n"
    (tmp_path / "chrony.conf").write_text(text)
    process = subprocess.Popen(["chronyd", "-x", "-U", "-u", "root", "-d", "-f", str(tmp_path / "chrony.conf")])
    try:
        wait_until(lambda: (tmp_path / "sock").exists() or process.poll() is not None)
        yield tmp_path
    finally:
        process.terminate()
        process.wait(LIMIT_S)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def samples(folder: Path) -> list[float]:
    """By how many seconds each sample says that this machine's clock is behind: the seventh column of chrony.conf(5), `log`."""
    log = folder / "refclocks.log"
    rows = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    return [float(row[6]) for row in rows if row[:1] and row[0][0].isdigit() and row[3].isdigit()]


@pytest.mark.parametrize("behind_s", [0, 3600, -3600])
def test_a_signed_time_is_a_sample(chrony: Path, behind_s: int) -> None:
    listen = region_listeners(Config(), chrony, SystemClock(), lambda: None, chrony / "sock").on_signed_time
    listen(datetime.now(UTC) + timedelta(seconds=behind_s), 0.4)
    wait_until(lambda: samples(chrony))
    assert samples(chrony) == [pytest.approx(behind_s, abs=1.0)]


def test_an_answer_that_took_long_is_no_measure_of_a_clock(chrony: Path) -> None:
    listen = region_listeners(Config(), chrony, SystemClock(), lambda: None, chrony / "sock").on_signed_time
    listen(datetime.now(UTC) - timedelta(seconds=5), 5.0)
    listen(datetime.now(UTC), 0.0)
    wait_until(lambda: samples(chrony))
    assert samples(chrony) == [pytest.approx(0, abs=1.0)]


def test_without_chrony_the_station_goes_on(tmp_path: Path) -> None:
    clock = SystemClock()
    listeners = region_listeners(Config(), tmp_path, clock, lambda: None, tmp_path / "none")
    listeners.on_signed_time(datetime.now(UTC), 0.1)
    (tmp_path / "left").touch()
    region_listeners(Config(), tmp_path, clock, lambda: None, tmp_path / "left").on_signed_time(datetime.now(UTC), 0.1)
    assert clock.off_s == 0


def test_the_station_alone_reaches_the_socket(root: Path) -> None:
    folder = next(line for line in (root / "usr/lib/tmpfiles.d/kortkiosk.conf").read_text().splitlines()
                  if line.split()[1] == str(CHRONY.parent))  # fmt: skip
    assert folder.split()[:5] == ["d", str(CHRONY.parent), "0750", "_chrony", "kortkiosk"]
    unit = (root / "usr/lib/systemd/system/chrony.service.d/kortkiosk.conf").read_text().splitlines()
    assert f"ExecStartPost=+/usr/bin/chmod 0666 {CHRONY}" in unit
