"""Drawings: `kiosk.views.Drawing` values as Kivy instructions: rounded rectangles, lines and discs in solid colours."""
