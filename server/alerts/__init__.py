"""Alerts: what a person must look at, reckoned from what is stored. They change no mark and no payment."""
