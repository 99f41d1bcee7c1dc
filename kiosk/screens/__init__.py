"""Screens: the station's window in Kivy. It draws any `kiosk.views.View` and gives back its answer.

Looks are in the `.kv` files, behaviour in Python. Sizes are millimetres of the panel (`theme.Sizes`), colours are those of
one `theme.Theme`; a screen is given both and never looks up a running app. `window.KivyScreen` and `closed.OutOfOrder` are what
the rest of the station uses. Importing this package prepares the process for Kivy (`env.prepare`) and opens no window;
`KivyScreen(...)` does.
"""

from kiosk.screens.kivy_environment import prepare

prepare()
