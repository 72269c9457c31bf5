"""Measurements from outside: people and films that the developers never saw, judged by the product's own code."""
