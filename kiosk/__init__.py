"""The attendance kiosk: camera to lamp, journal to server."""

__version__ = "0.1.0"
