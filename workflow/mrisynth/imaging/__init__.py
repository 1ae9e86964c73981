"""Imaging: from a head scan to a brain in template space, one idea per module."""
