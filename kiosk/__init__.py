"""The attendance kiosk: camera to lamp, journal to server."""
