"""`python -m server`: the server's command line."""

import sys

from server.cli import main

sys.exit(main())
