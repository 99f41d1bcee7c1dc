"""Texts of who helps: the days of the week, from Monday on."""

FAMILIES = {"who_helps.on.{}": tuple("0123456")}
