"""Conformance suite of an issuer's adapter: black-box checks over its interface (`kortkiosk-fleet issuer-check`)."""
