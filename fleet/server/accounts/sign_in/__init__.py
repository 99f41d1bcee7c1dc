"""Authentication: passwords, one-time codes, sessions, login throttling, OpenID Connect and security keys."""
