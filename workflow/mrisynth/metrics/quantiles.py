"""How far 95 % intervals reach, in standard errors."""

from __future__ import annotations

from scipy.special import stdtrit

Z_95 = 1.959963984540054
"""95 % of a normal distribution lie within so many standard deviations."""

Z_90 = 1.6448536269514722
"""... and 90 % within so many: from the 5th to the 95th percentile."""


def t_95(freedom: float) -> float:
    """Return within how many standard errors 95 % of Student's t distribution of so many degrees of freedom lie."""
    return float(stdtrit(freedom, 0.975))
