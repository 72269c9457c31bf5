"""An office without hardware: heads, attack instruments, a fleet, a month."""
