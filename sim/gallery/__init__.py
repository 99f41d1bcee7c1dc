"""The gallery: every screen of the station in every size, theme and language, as pictures. `make gallery` makes it."""
