"""Metrics: pure functions of feature arrays, and the tables made of them."""
