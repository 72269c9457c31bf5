"""Power loss: what a disk may hold after a cut at any moment, for the product's own code on its own SQLite."""
