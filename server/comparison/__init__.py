"""The parallel run: an office's old list beside a computed month, each difference explained."""
