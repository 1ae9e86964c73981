"""Similarity of images and prompts as a score: that it hears who listens, what it names, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.support.tiny_bert import SIZES, bert_weights, written
from tests.support.told_images import by_biomedclip, embedded, shown, told, told_images

from mrisynth.embeddings import save_embeddings
from mrisynth.errors import MrisynthError
from mrisynth.files import read_table, sha256_of, write_table
from mrisynth.metrics.summary import collect
from mrisynth.reporting.catalogue import words
from mrisynth.text.similarity_scores import KINDS, SUMMARY, EmbeddedPairs, Encoder, similarity_scores
from mrisynth.text_similarity_study import text_similarity

WANTED = {"device": "cpu", "seed": 1, "replicates": 100}
OWN = "own: pixels (untrained) + text encoder of words (untrained)"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Files, scores and summary of samples that follow their prompts, and of samples that follow those of others."""
    made = {}
    for follows in (True, False):
        files = told_images(tmp_path_factory.mktemp("told"), follows=follows)
        scores, summary = text_similarity(files, **WANTED)
        made[follows] = files, scores.set_index("metric"), summary.set_index(["kind", "images", "measure"])
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_samples_that_follow_their_prompts_are_told_from_those_that_do_not(found, kind):
    follows, shuffled = (found[follows][2].loc[(kind, "samples", "gap")] for follows in (True, False))
    ceiling = found[True][2].loc[(kind, "real", "gap")]
    assert follows["low"] > 0 and follows["value"] > 0.1
    assert shuffled["value"] < follows["value"] / 3 and shuffled["low"] < 0.02
    assert ceiling["low"] > 0 and abs(ceiling["value"] - follows["value"]) < 0.6 * ceiling["value"]
    true, other = (found[follows][1].loc[f"text_similarity_{kind}_gap"] for follows in (True, False))
    assert (true["floor"], true["floor_low"]) == (other["floor"], other["floor_low"]), "one ceiling for both"


def test_every_number_names_what_made_it_and_stands_beside_real_images(found):
    _, scores, summary = found[True]
    assert len(summary) == 12 and [*summary.index.names, *summary.columns] == SUMMARY
    assert set(summary["encoder"]) == {OWN} and summary["warning"].str.contains("untrained random network").all()
    for (kind, images, measure), row in summary.iterrows():
        score = scores.loc[f"text_similarity_{kind}_{measure}"]
        assert (score["floor"] if images == "real" else score["value"]) == row["value"]
        assert row["low"] <= row["value"] <= row["high"]
        assert words(score.name).group == "Condition"
    assert not scores["features_trained"].any() and set(scores["view"]) == {"slice 16"}
    assert set(scores["features"]) == {"own: pixels + text encoder of words (untrained)"}
    assert summary.loc[("image_text", "samples", "gap"), "participants"] == 60
    assert summary.loc[("image_text", "real", "gap"), "participants"] == 40
    assert collect([scores.reset_index()[list(scores.reset_index())]]).shape[0] == 6


def test_the_same_files_give_the_same_numbers_and_test_images_are_not_learned_from(found, tmp_path):
    files, scores, _ = found[True]
    again, _ = text_similarity(files, **WANTED)
    assert again.set_index("metric").equals(scores)
    index = read_table(files.index)
    people = told(120, seed=1)
    noise = embedded(shown(people.sample(frac=1, random_state=9), seed=7), index["image"].tolist())
    true = embedded(shown(people, seed=2), index["image"].tolist())
    testing = (index["split"] == "test").to_numpy()
    true.features[testing] = noise.features[testing]
    save_embeddings(true, tmp_path / "real.npz")
    changed, _ = text_similarity(replace(files, real=tmp_path / "real.npz"), **WANTED)
    changed = changed.set_index("metric")
    name = "text_similarity_image_text_gap"
    assert changed.loc[name, "value"] == scores.loc[name, "value"], "samples are placed by training images alone"
    assert changed.loc[name, "floor"] < 0.3 * scores.loc[name, "floor"]


def test_images_without_a_prompt_are_left_out(found, tmp_path):
    files = found[True][0]
    drawn = read_table(files.drawn)
    drawn.loc[:9, "prompt"] = None
    write_table(drawn, tmp_path / "samples.tsv")
    _, summary = text_similarity(replace(files, drawn=tmp_path / "samples.tsv"), **WANTED)
    summary = summary.set_index(["kind", "images", "measure"])
    assert summary.loc[("image_text", "samples", "pairs"), "participants"] == 50
    drawn["prompt"] = None
    write_table(drawn, tmp_path / "none.tsv")
    with pytest.raises(MrisynthError, match="No samples image has a prompt"):
        text_similarity(replace(files, drawn=tmp_path / "none.tsv"), **WANTED)
    write_table(drawn.drop(columns="prompt"), tmp_path / "other.tsv")
    with pytest.raises(MrisynthError, match=r"expected a prompt for each of 60 embedded samples"):
        text_similarity(replace(files, drawn=tmp_path / "other.tsv"), **WANTED)


@pytest.mark.parametrize("split", ["train", "test"])
def test_without_training_or_test_images_it_is_said_what_to_do(found, tmp_path, split):
    files = found[True][0]
    index = read_table(files.index)
    index.loc[index["split"] == split, "split"] = "validation"
    write_table(index, tmp_path / "index.tsv")
    with pytest.raises(MrisynthError, match=f"No {split} image has a prompt .*cohort.test_fraction"):
        text_similarity(replace(files, splits=tmp_path / "index.tsv"), **WANTED)


def test_a_table_that_does_not_know_an_image_is_named(found, tmp_path):
    files = found[True][0]
    write_table(read_table(files.index).iloc[1:], tmp_path / "index.tsv")
    with pytest.raises(MrisynthError, match=r"index.tsv knows no image s-scan-000 \(1 embedded images unknown"):
        text_similarity(replace(files, splits=tmp_path / "index.tsv"), **WANTED)


def test_biomedclip_is_named_by_its_hash_and_needs_no_embeddings(found, tmp_path):
    files = by_biomedclip(found[True][0], tmp_path / "clip")
    assert files.biomedclip is not None
    scores, summary = text_similarity(files, **WANTED)
    sha256 = sha256_of(files.biomedclip / "open_clip_model.safetensors")
    assert set(summary["encoder"]) == {f"biomedclip {sha256[:12]}"} and set(scores["features_sha256"]) == {sha256}
    assert scores["features_trained"].all()
    assert summary["warning"].str.contains("north").all(), "a word that this tokenizer lacks"
    assert summary["value"].notna().all() and len(summary) == 12


def test_a_folder_without_an_image_tower_is_refused_where_it_is_asked_for_and_else_passed_over(found, tmp_path):
    state = {f"text_model.{name}": value for name, value in bert_weights().items()}
    folder = written(tmp_path / "mrgen", state, name="model.safetensors", config=SIZES)
    files = replace(found[True][0], biomedclip=folder)
    with pytest.raises(MrisynthError, match=r"has no visual\.\*"):
        text_similarity(replace(files, required=True), **WANTED)
    scores, summary = text_similarity(files, **WANTED)
    assert set(summary["encoder"]) == {OWN} and scores.set_index("metric").equals(found[True][1])


def test_one_test_participant_has_no_others_and_says_so():
    random = np.random.default_rng(1)
    encoder = Encoder(name="any", features="any", sha256="none", trained=True)

    def pairs(count: int, people: list[str]) -> EmbeddedPairs:
        values = [random.normal(size=(count, 4)) for _ in range(3)]
        names = [f"image {number}" for number in range(count)]
        return EmbeddedPairs(names=names, participants=people, images=values[0], shown=values[1], prompts=values[2])

    names = [f"sample {number}" for number in range(5)]
    scores, summary = similarity_scores(
        pairs(5, names), pairs(2, ["p", "p"]), encoder, model="words", view="16", seed=1, replicates=50
    )
    summary = summary.set_index(["kind", "images", "measure"])
    alone = summary.loc[("image_image", "real", "pairs")]
    assert np.isnan(alone["value"]) and alone["warning"] == "Not computed: no pairs."
    assert np.isnan(summary.loc[("image_text", "real", "gap"), "value"])
    assert np.isfinite(summary.loc[("image_image", "samples", "pairs"), "value"])
    assert len(scores) == 6
