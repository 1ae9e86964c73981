"""Candidates made, judged, kept: standards of real images, shards that go on where they were cut off, the record."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.annotated_shapes import STRUCTURES
from support.steered_study import QUICK, SIZE, plan, shown_shapes, steered_sampler

from mrisynth.errors import MrisynthError
from mrisynth.files import read_table
from mrisynth.filtering.decision import Thresholds
from mrisynth.filtering.segmenter_training import train_segmenter
from mrisynth.imaging.brightness_matching import BrightnessCurve
from mrisynth.mask_stage import UNKNOWN
from mrisynth.reporting.candidates_figure import candidates_figure
from mrisynth.slices.mrgen_json import read_synthetic
from mrisynth.slices.mrgen_masks import read_masked
from mrisynth.store import to_unit
from mrisynth.synthesis.chosen import choose_masks
from mrisynth.synthesis.kept import KEPT, Candidates, write_kept
from mrisynth.synthesis.making import Maker, copies_of, make_shard, words
from mrisynth.synthesis.mrgen_form import MODALITY, write_mrgen
from mrisynth.synthesis.parts import Parts
from mrisynth.synthesis.scorers import scorer_of
from mrisynth.synthesis.setting import set_standards
from mrisynth.synthesis.shown_candidates import shown_candidates
from mrisynth.synthesis.standards import Standards
from mrisynth.synthesis.steered import images_for_mask

SHOWN, TOLD = shown_shapes(60)
PLAN = plan()
CHOSEN = choose_masks(SHOWN, count=6, smallest_share=0.005, seed=1)


@pytest.fixture(scope="module")
def segmenter():
    return train_segmenter(SHOWN.for_segmenter(), STRUCTURES, seed=1, settings=QUICK)


@pytest.fixture(scope="module")
def standards(segmenter) -> Standards:
    return set_standards(SHOWN, PLAN, segmenter, segmenter, told=TOLD, seed=1)


@pytest.fixture(scope="module")
def maker(segmenter, standards) -> Maker:
    copies, training = copies_of(SHOWN, mirrored=False)
    return Maker(
        plan=PLAN, sampler=steered_sampler(), scorer=segmenter, standards=standards, copies=copies, training=training,
        seed=1,
    )  # fmt: skip


def shard(maker: Maker, folder: Path, rows: slice, *, made_with: str = "x") -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    parts = Parts(folder / f"{rows.start}.parts", made_with={"model": made_with}, structures=STRUCTURES)
    paths = folder / f"{rows.start}.npy", folder / f"{rows.start}.tsv"
    make_shard(maker, CHOSEN.iloc[rows], SHOWN.masks, parts, images_path=paths[0], record_path=paths[1])
    return paths


def test_thresholds_are_calibrated_on_validation_and_brightness_on_the_target(segmenter, standards, tmp_path):
    held_out = SHOWN.annotated("validation")
    assert standards.facts["held_out_images"] == len(held_out) == 12 and standards.facts["participants"] == 6
    target = SHOWN.of_domain(SHOWN.rows("train"), PLAN.condition, TOLD)
    matched = BrightnessCurve.between(SHOWN.images[held_out], SHOWN.images[target]).apply(SHOWN.images[held_out])
    scores = segmenter.score(to_unit(matched), SHOWN.masks[held_out])
    assert standards.facts["brightness_matched"]
    assert standards.rule.thresholds.iou[1] == pytest.approx(np.percentile(scores.iou[:, 1], 5), abs=1e-6)
    assert standards.rule.kept == 1 and standards.rule.best == 5
    assert (SHOWN.masks[target] == UNKNOWN).all() and max(standards.brightness.images) <= len(target)
    standards.write(tmp_path / "standards.json")
    again = Standards.read(tmp_path / "standards.json")
    assert again.rule == standards.rule and again.facts == standards.facts
    assert repr(again.brightness) == repr(standards.brightness)
    published = set_standards(SHOWN, plan(thresholds="published"), segmenter, segmenter, told=TOLD, seed=1)
    assert published.rule.thresholds == Thresholds.published(2) and 0 <= published.facts["real_passing"] <= 1


def test_without_held_out_masks_nothing_can_be_calibrated(segmenter):
    nobody = replace(SHOWN, table=SHOWN.table.replace("validation", "test"))
    with pytest.raises(MrisynthError, match=r"synthesis.target.thresholds is calibrated"):
        set_standards(nobody, PLAN, segmenter, segmenter, told=TOLD, seed=1)
    found = set_standards(nobody, plan(thresholds="published"), segmenter, segmenter, told=TOLD, seed=1)
    assert np.isnan(found.facts["real_passing"])


def test_candidates_are_recorded_with_what_they_were_made_of(maker):
    chosen = CHOSEN.iloc[0].to_dict()
    mask = SHOWN.masks[chosen["row"]]
    images, rows = maker.candidates(chosen, mask, [0, 1, 2])
    assert rows["try"].tolist() == [0, 1, 2] and set(rows["mask"]) == {chosen["mask"]}
    assert set(rows["prompt"]) == {"site south"} and set(rows["scan"]) == {chosen["scan"]}
    again, _ = images_for_mask(
        maker.sampler, mask, {1: int(rows["seed"].iloc[1])}, condition=PLAN.condition
    )  # fmt: skip
    assert np.array_equal(again[0], images[1])
    scores = maker.scorer.score(to_unit(images), np.stack([mask] * 3))
    assert rows["iou_bar"].tolist() == scores.iou[:, 1].tolist()
    assert rows["nearest"].isin(SHOWN.table["image"].iloc[SHOWN.rows("train")]).all()
    assert rows["kept"].isna().all()


def test_a_copy_of_another_person_fails_and_one_of_the_masks_own_person_does_not(maker):
    chosen = CHOSEN.iloc[0]
    own, other = (SHOWN.images[int(row)][None] for row in (chosen["row"], CHOSEN["row"].iloc[1]))
    found = [maker.copies.nearest(one) for one in (own, other)]
    assert [maker._copied(one, str(chosen["participant_id"])) != [""] for one in found] == [False, True]


def test_few_held_out_people_set_no_limit():
    few = replace(SHOWN, images=SHOWN.images[:40], masks=SHOWN.masks[:40], table=SHOWN.table.head(40))
    check, training = copies_of(few, mirrored=True)
    assert np.isinf(check.limit) and check.mirrored_axis == 1 and len(training) == 24
    assert check.nearest(few.images[:2]).row.tolist() == [0, 1]


def test_a_job_that_was_cut_off_goes_on_and_gives_what_a_whole_one_does(maker, tmp_path, monkeypatch):
    whole = shard(maker, tmp_path / "whole", slice(0, 4))
    asked: list[str] = []
    real = Maker.candidates

    def cut_off(self, chosen, mask, tries, *, after):
        if len(asked) == after:
            raise KeyboardInterrupt
        asked.append(chosen["mask"])
        return real(self, chosen, mask, tries)

    monkeypatch.setattr(Maker, "candidates", lambda *words: cut_off(*words, after=2))
    with pytest.raises(KeyboardInterrupt):
        shard(maker, tmp_path / "cut", slice(0, 4))
    assert not (tmp_path / "cut" / "0.tsv").exists() and (tmp_path / "cut" / "0.parts").is_dir()
    monkeypatch.setattr(Maker, "candidates", lambda *words: cut_off(*words, after=99))
    again = shard(maker, tmp_path / "cut", slice(0, 4))
    assert asked == CHOSEN["mask"].head(4).tolist(), "each mask once"
    assert all(one.read_bytes() == two.read_bytes() for one, two in zip(whole, again, strict=True))


def test_a_finished_job_that_is_wanted_again_makes_what_is_missing_alone(maker, tmp_path, monkeypatch):
    whole = shard(maker, tmp_path / "whole", slice(0, 3))
    fewer = replace(maker, plan=plan(tries=2))
    paths = shard(fewer, tmp_path / "again", slice(0, 3))
    kept = {path.name for path in (tmp_path / "again" / "0.parts").iterdir()}
    assert kept == {"made_with.json", "whole.npy", "whole.tsv"}
    asked: list[list[int]] = []
    real = Maker.candidates
    monkeypatch.setattr(Maker, "candidates", lambda *words: asked.append(words[3]) or real(*words))
    for path in paths:
        path.unlink()
    again = shard(maker, tmp_path / "again", slice(0, 3))
    assert asked == [[2], [2], [2]]
    assert np.array_equal(np.load(again[0]), np.load(whole[0]))
    assert len(np.load(shard(fewer, tmp_path / "again", slice(0, 3))[0])) == 6 and len(asked) == 3


def test_parts_of_another_model_are_made_anew_and_more_tries_are_added(tmp_path, maker):
    opened = partial(Parts, tmp_path / "parts", structures=STRUCTURES)
    chosen = CHOSEN.iloc[0].to_dict()
    images, rows = maker.candidates(chosen, SHOWN.masks[chosen["row"]], [0, 1])
    first = opened(made_with={"model": "x"})
    assert first.record() is None
    first.add("000000-000", images, rows)
    assert len(opened(made_with={"model": "x"}).record()) == 2
    assert opened(made_with={"model": "y"}).record() is None


def test_shards_are_joined_decided_and_what_is_kept_is_written(maker, standards, tmp_path):
    easy = replace(
        standards.rule, thresholds=Thresholds(mean_confidence=0, mean_iou=0, iou=(0, 0), confidence=(0, 0)), kept=2
    )
    paths = [shard(maker, tmp_path / "shards", rows) for rows in (slice(0, 4), slice(4, 6), slice(6, 6))]
    arrays, records = zip(*paths, strict=True)
    candidates = Candidates.read(records, arrays, rule=easy)
    assert len(candidates.record) == 18 and len(candidates.images) == 18
    write_kept(candidates, CHOSEN, SHOWN.masks, tmp_path, rule=easy)
    kept, record = read_table(tmp_path / "kept.tsv"), read_table(tmp_path / "record.tsv")
    images, masks = np.load(tmp_path / "images.npy"), np.load(tmp_path / "masks.npy")
    assert list(kept) == KEPT and len(kept) == len(images) == len(masks) == record["kept"].sum()
    assert kept["row"].tolist() == list(range(len(kept)))
    people = CHOSEN.set_index("mask")["participant_id"]
    for row in kept.itertuples():
        assert np.array_equal(masks[row.row], SHOWN.masks[CHOSEN.set_index("mask")["row"][row.mask]])
        assert row.participant_id == people[row.mask]
    entry = kept.assign(number=kept["try"]).iloc[0]
    again, _ = images_for_mask(
        maker.sampler, masks[0], {int(entry["number"]): int(entry["seed"])}, condition=PLAN.condition
    )
    assert np.array_equal(again[0], images[0])
    assert "masks" in read_table(tmp_path / "acceptance.tsv")["what"].tolist()
    rows = shown_candidates(candidates, CHOSEN, SHOWN.images, SHOWN.masks, rows=4, columns=2)
    assert [len(row.images) for row in rows] == [2] * 4
    candidates_figure(rows, tmp_path / "candidates.png", structures=STRUCTURES, title="a title")
    assert (tmp_path / "candidates.png").stat().st_size > 5000


def test_mrgens_own_lists_are_written_and_read(maker, standards, tmp_path):
    easy = replace(
        standards.rule, thresholds=Thresholds(mean_confidence=0, mean_iou=0, iou=(0, 0), confidence=(0, 0)), best=3
    )
    arrays, records = zip(
        *[shard(maker, tmp_path / "shards", rows) for rows in (slice(0, 4), slice(4, 6))], strict=True
    )
    candidates = Candidates.read(records, arrays, rule=easy)
    words = {"structures": STRUCTURES, "arguments": asdict(PLAN)}
    write_mrgen(candidates, CHOSEN, SHOWN.masks, tmp_path / "mrgen", **words)
    found = read_synthetic(tmp_path / "mrgen", modality=MODALITY)
    assert len(found.candidates.items) == 18 and len(found.kept.items) == candidates.record["kept"].sum()
    assert found.arguments["tries"] == 3 and found.candidates.entries["status"].eq("passed").all()
    item = found.candidates.items[7]
    masked = read_masked(found.candidates, item)
    assert np.array_equal(masked.labels, SHOWN.masks[CHOSEN["row"].iloc[item.index]])
    key = CHOSEN["mask"].iloc[item.index], item.more["try"]
    assert np.array_equal(masked.image, candidates.images[key])
    row = candidates.of(key[0]).set_index("try").loc[key[1]]
    assert item.average_iou == row["mean_iou"] and item.organs_iou == (row["iou_disc"], row["iou_bar"])
    with pytest.raises(MrisynthError, match="of volumes"):
        write_mrgen(candidates, CHOSEN, SHOWN.masks[None], tmp_path / "other", **words)


def test_where_nothing_is_kept_empty_files_and_a_warning_are(maker, standards, tmp_path, caplog):
    hard = replace(standards.rule, thresholds=Thresholds(mean_confidence=1, mean_iou=1, iou=(1, 1), confidence=(1, 1)))
    paths = shard(maker, tmp_path / "shards", slice(0, 2))
    write_kept(Candidates.read([paths[1]], [paths[0]], rule=hard), CHOSEN, SHOWN.masks, tmp_path, rule=hard)
    assert np.load(tmp_path / "images.npy").shape == (0, SIZE, SIZE)
    assert "0 of 6 candidates are kept, for 0 of 6 masks; most often" in caplog.text
    np.save(paths[0], np.zeros((1, SIZE, SIZE), dtype=np.uint8))
    with pytest.raises(MrisynthError, match="holds 1 images of 6"):
        Candidates.read([paths[1]], [paths[0]], rule=hard)


def test_the_scorer_is_the_one_of_the_plan(segmenter, tmp_path):
    assert scorer_of(PLAN, segmenter, seed=1, device="cpu") is segmenter
    other = scorer_of(plan(scorer="atropos", tissues={"disc": "white"}), segmenter, seed=1, device="cpu")
    assert other.name == "atropos" and other.structures == STRUCTURES
    with pytest.raises(MrisynthError, match=r"config\.json"):
        scorer_of(plan(scorer="sam2", sam2_folder=str(tmp_path)), segmenter, seed=1, device="cpu")


def test_what_is_missing_is_not_told():
    assert words({"sex": "f", "age": 63.0, "site": "n/a"}) == "sex f, age 63.0"
    assert pd.DataFrame(CHOSEN)["mask"].is_unique
