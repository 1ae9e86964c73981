"""What differs where a study has several cohorts."""

from mrisynth.cohorts.several import in_member, member_seed


def scans_of_member(wildcards):
    """The scans of a bundle that are from a member, under the member's own names."""
    return [
        in_member(scan).scan
        for scan in STUDY.bundles.get(wildcards.bundle, [])
        if scan.member == wildcards.member
    ]


def from_member(key):
    """A parameter that is a key of the member."""

    def value(wildcards):
        return STUDY.config["cohort"]["members"][wildcards.member][key]

    return value
