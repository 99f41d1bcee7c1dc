"""Questions from stations: signature, rate limit, fair queue, and their signed answers."""
