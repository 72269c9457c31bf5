"""What is written down: the journal, its entries, what waits to be sent, and pictures kept for review."""
