"""What makes a station of the parts: lamps and screen, the service, its health, and tools to watch it."""
