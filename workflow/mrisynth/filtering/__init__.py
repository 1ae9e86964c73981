"""The filter of synthetic images made for masks: scorers, checks, the decision and its record."""
