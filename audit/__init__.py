"""Verifies logs with public keys alone; imports nothing of kiosk or server."""
