"""What kiosk, server and auditor agree on, byte for byte. Pure functions, no input or output."""
