"""Web infrastructure: authorization and CSRF, rate limits, idempotency, problem details, middleware, the listener."""
