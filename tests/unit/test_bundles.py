"""Which job works on which scan."""

from __future__ import annotations

import random

import pytest

from mrisynth.cohorts.bundles import divide
from mrisynth.cohorts.listing import ScanFile, list_simulated
from mrisynth.errors import ConfigError


def names(bundles: dict[str, list[ScanFile]]) -> dict[str, list[str]]:
    return {bundle: [scan.scan for scan in scans] for bundle, scans in bundles.items()}


@pytest.mark.parametrize("count", [1, 7, 8, 9, 100, 581])
def test_every_scan_is_in_one_bundle_and_none_is_too_large(count: int):
    scans = list_simulated(count)
    shuffled = random.Random(count).sample(scans, count)
    found = names(divide(shuffled, scans_per_job=8))
    assert sorted(scan for bundle in found.values() for scan in bundle) == [scan.scan for scan in scans]
    assert all(1 <= len(bundle) <= 8 and bundle == sorted(bundle) for bundle in found.values())
    assert all(name[0] == "b" and set(name[1:]) <= {"0", "1"} for name in found)
    assert found == names(divide(scans, scans_per_job=8))


@pytest.mark.parametrize("seed", range(30))
def test_a_scan_more_changes_one_bundle_or_splits_it(seed: int):
    drawn = random.Random(seed)
    scans = drawn.sample(list_simulated(2000), drawn.randint(50, 600))
    before = names(divide(scans[1:], scans_per_job=16))
    after = names(divide(scans, scans_per_job=16))
    gone = {name: set(bundle) for name, bundle in before.items() if after.get(name) != bundle}
    new = {name: set(bundle) for name, bundle in after.items() if before.get(name) != bundle}
    assert len(gone) == 1  # one bundle is done again ...
    (touched, members) = next(iter(gone.items()))
    assert all(name.startswith(touched) for name in new)  # ... or stands split under longer names
    assert set.union(*new.values()) == members | {scans[0].scan}


def test_jobs_of_the_full_study_are_few():
    assert 581 / 32 <= len(divide(list_simulated(581), scans_per_job=32)) <= 40


def test_an_impossible_number_names_its_key():
    with pytest.raises(ConfigError, match=r"preprocessing\.scans_per_job is 0"):
        divide(list_simulated(3), scans_per_job=0)
