"""Authentication: passwords, one-time codes, login throttling, OpenID Connect and security keys."""
