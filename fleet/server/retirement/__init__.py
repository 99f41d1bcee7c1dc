"""Retirement: a station leaves the fleet, or comes back; its history stays. Who is in the fleet: `stations.tables.IN_FLEET`."""
