"""Clusters of real scans in a map of their features, and the feedback that they give to the next model."""
