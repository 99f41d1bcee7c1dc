"""A cabinet's board as the driver's own tests have it."""

from tests.drivers.cabinet.conftest import bench, patient, ready

__all__ = ["bench", "patient", "ready"]
