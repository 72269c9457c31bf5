"""The attendance kiosk: camera to lamp, journal to server."""

import os

__version__ = "0.1.0"

# numpy's threads turn round and round waiting for products that are too small to share; read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
