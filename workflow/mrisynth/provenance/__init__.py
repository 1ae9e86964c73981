"""Provenance: what every output was made of, by which code, and whom to thank for it."""
