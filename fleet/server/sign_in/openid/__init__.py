"""OpenID Connect: the region's own sign-in, step-up and back-channel logout."""
