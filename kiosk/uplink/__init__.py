"""The device before its server: identity, claim, requests, and sticks where there is no network."""
