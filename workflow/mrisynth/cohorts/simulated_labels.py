"""Values of the label maps of simulated heads. Cheap to import."""

from __future__ import annotations

LABELS = {
    "cerebrospinal_fluid": 1,
    "grey_matter": 2,
    "white_matter": 3,
    "ventricles": 4,
    "hippocampus_left": 5,
    "hippocampus_right": 6,
    "deep_grey_matter": 7,
    "cerebellar_grey_matter": 8,
}
"""Structure -> value; 0 is outside the brain."""
