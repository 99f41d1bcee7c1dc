"""Enrolment: how a new station gets its certificate over the network, by a claim code (EST, RFC 7030) and a person's approval."""
