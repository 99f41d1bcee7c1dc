"""Texts of who helps: the days of the week, from Monday on, and notes of so many rows."""

FAMILIES = {"who_helps.on.{}": tuple("0123456"), "who_helps.note.{}": tuple("123")}
