"""Training: one loop for every family, in chunks whose resume is exact."""
