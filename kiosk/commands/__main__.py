"""`python -m kiosk.commands` is `kortkiosk`."""

import sys

from kiosk.commands import main

sys.exit(main())
