"""A whole emulated machine whose disk is cut off: Debian's kernel and ext4, kiosk and server, QEMU below."""
