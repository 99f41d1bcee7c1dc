"""Process life cycle: start, orderly shutdown, privileges, logs, traces."""
