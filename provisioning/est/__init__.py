"""Enrolment over Secure Transport (EST, RFC 7030): claim codes, the messages on the wire, and the station's client."""
