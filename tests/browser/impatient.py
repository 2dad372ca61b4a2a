"""A server that gives up after three tries what a server gives up after eight.

`python -m tests.browser.impatient serve`: to wait for all the pauses between eight takes a minute.
"""

import sys

from actors import supervisor
from ticketing.__main__ import main

if __name__ == "__main__":
    supervisor.ATTEMPTS_MAX = supervisor.QUARANTINE_AFTER = 3  # type: ignore[misc] - constants
    sys.exit(main())
