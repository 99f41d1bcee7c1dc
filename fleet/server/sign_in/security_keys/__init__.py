"""Security keys (WebAuthn): registration, sign-in and step-up."""
