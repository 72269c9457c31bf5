"""`python -m server.allowance tpp …` and `python -m server.allowance regulation …`."""

import sys

from server.allowance import cli

sys.exit({"tpp": cli.tpp, "regulation": cli.regulation}[sys.argv[1]](sys.argv[2:]))
