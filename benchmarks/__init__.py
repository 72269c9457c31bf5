"""What is claimed of speed, memory and reliability, each by a command that prints it; as on a device, whose `kiosk` is
imported before numpy."""

import kiosk  # noqa: F401
