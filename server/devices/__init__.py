"""Devices: claims, batches of their logs, manifests."""
