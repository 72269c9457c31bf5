"""What `kiosk.matcher` searches: embeddings, the sealed gallery, its calibration, and cards as second factor."""
