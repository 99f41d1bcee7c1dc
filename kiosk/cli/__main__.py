"""Entry point: `python -m kiosk.cli` is `kortkiosk`."""

import sys

from kiosk.cli import main

sys.exit(main())
