"""The watch over a training: it changes nothing, draws what it says, and names planted faults and only those."""

from __future__ import annotations

import logging
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from torch import nn

from mrisynth.files import read_table
from mrisynth.models import family as family_named
from mrisynth.models.interface import State
from mrisynth.recipes import ModelRecipe
from mrisynth.training.health import critics_right, diversity, sample_warning, saturation_warning
from mrisynth.training.watch import HEALTH_COLUMNS, Watch

SIZE = 32
REALS = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, SIZE), dtype=np.uint8)
RECIPE = ModelRecipe(
    name="model", family="noisy", condition="none", size=SIZE, images_total=400, images_per_chunk=200, batch_size=2
)
HEALTHY = {"critic_high": 1.3, "generator_high": 0.8, "right_high": 0.7, "right_low": 0.6, "seconds": 0.5, "skipped": 0}


class Noisy(nn.Module):
    """A generator with all that a preview could disturb: batch statistics, dropout, noise from torch's own state."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(4, 8**3)
        self.norm = nn.BatchNorm1d(8**3)
        self.drop = nn.Dropout(0.3)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        features = self.drop(self.norm(self.dense(latents))).view(-1, 1, 8, 8, 8)
        volumes = nn.functional.interpolate(features, scale_factor=4)
        return torch.tanh(volumes + 0.1 * torch.randn_like(volumes))


class NoisyFamily:
    name = "noisy"

    def latent_shape(self, recipe):
        return (4,)

    def sample(self, network, latents, labels):
        volumes = network(latents)
        return volumes, nn.functional.avg_pool3d(volumes, 4)


class Planted(NoisyFamily):
    """A generator whose samples are made by a function of the latents, to plant a fault."""

    def __init__(self, make) -> None:
        self.make = make

    def sample(self, network, latents, labels):
        volumes = self.make(latents)
        return volumes, volumes


def state_of(network: nn.Module) -> State:
    return State(
        recipe=RECIPE, classes=0, networks={"generator": network}, averages={"generator": network}, optimisers={}
    )


def watch_over(
    folder: Path, family=None, *, recipe: ModelRecipe = RECIPE, classes: int = 0, every_images: int = 100
) -> Watch:
    return Watch(
        recipe, family=family or NoisyFamily(), classes=classes, reals=REALS, folder=folder, seed=1, updates_total=200,
        every_images=every_images,
    )  # fmt: skip


def row_at(images: int, **changes: float) -> dict[str, float]:
    return {"step": images // 2, "images_seen": images} | HEALTHY | changes


def events_of(folder: Path) -> list:
    """Read a TensorBoard file record by record and check every checksum, as TensorBoard does."""
    from tensorboardX.crc32c import crc32c
    from tensorboardX.proto.event_pb2 import Event

    def masked(data: bytes) -> int:
        crc = crc32c(data)
        return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF

    (path,) = (folder / "events").glob("*tfevents*")
    data, events = path.read_bytes(), []
    while data:
        (length,), (length_crc,) = struct.unpack("<Q", data[:8]), struct.unpack("<I", data[8:12])
        body, (body_crc,) = data[12 : 12 + length], struct.unpack("<I", data[12 + length : 16 + length])
        assert (length_crc, body_crc) == (masked(data[:8]), masked(body))
        events.append(Event.FromString(body))
        data = data[16 + length :]
    return events


def train(folder: Path | None, *, updates: int = 4) -> dict[str, torch.Tensor]:
    """Train on torch's own random state, watched when there is a folder; return all weights and buffers."""
    torch.manual_seed(5)
    network = Noisy()
    optimiser = torch.optim.Adam(network.parameters(), lr=0.1)
    watch = watch_over(folder, every_images=2) if folder else None
    for update in range(1, updates + 1):
        optimiser.zero_grad()
        network(torch.randn(2, 4)).square().mean().backward()
        optimiser.step()
        if watch:
            watch.row(state_of(network), row_at(2 * update))
    return network.state_dict()


def test_a_watched_training_ends_in_the_same_bits(tmp_path):
    alone, watched = train(None), train(tmp_path / "watch")
    assert len(list((tmp_path / "watch").glob("grid-*.png"))) == 4
    assert alone.keys() == watched.keys()
    assert all(torch.equal(alone[name], watched[name]) for name in alone)


def test_random_states_and_modes_are_left_as_they_were(tmp_path):
    network = Noisy()
    network.drop.eval()  # modes differ inside the network, and stay so
    modes = [module.training for module in network.modules()]
    before = torch.get_rng_state(), random.getstate()
    watch_over(tmp_path).row(state_of(network), row_at(2))
    assert [module.training for module in network.modules()] == modes == [True, True, True, False]
    assert torch.equal(before[0], torch.get_rng_state())
    assert random.getstate() == before[1]
    assert not any(weight.is_inference() for weight in network.state_dict().values())


@pytest.mark.parametrize("classes", [0, 3])
def test_a_real_family_in_bf16_is_left_as_it_was(tmp_path, classes):
    recipe = ModelRecipe(
        name="model", family="wgp_hagan", condition="none", size=32, images_total=400, images_per_chunk=200,
        batch_size=2, precision="bf16", family_recipe={"width": 8, "latent": 8},
    )  # fmt: skip
    family = family_named("wgp_hagan")
    state = family.build(recipe, columns=[classes] if classes else [], seed=1, device="cpu")
    before = {name: value.clone() for name, value in state.averages["generator"].state_dict().items()}
    found = watch_over(tmp_path, family, recipe=recipe, classes=classes).row(state, row_at(2))
    after = state.averages["generator"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert np.isfinite(found["diversity"])


def test_samples_are_the_same_at_every_grid(tmp_path):
    network = Noisy()
    watch = watch_over(tmp_path)
    for images in (2, 100):
        torch.manual_seed(images)
        watch.row(state_of(network), row_at(images))
    first, second = (imread(path) for path in sorted(tmp_path.glob("grid-*.png")))
    assert first.shape == (30 + 3 * 128, 10 * 128 + 10)
    assert (first[30:] == second[30:]).all()  # below the header, which states the images seen
    assert not (first[:30] == second[:30]).all()
    real = first[30:, -128:]  # the last column: the second real scan, its axial slice at the bottom
    axial = np.kron(REALS[1][:, ::-1, 16].T, np.ones((4, 4)))
    assert np.corrcoef(real[-128:].ravel(), axial.ravel())[0, 1] > 0.8
    assert abs(np.corrcoef(real[:128].ravel(), axial.ravel())[0, 1]) < 0.2


def test_a_grid_at_the_first_row_at_each_interval_and_at_the_end(tmp_path):
    watch, drawn = watch_over(tmp_path, every_images=100), []
    state = state_of(Noisy())
    for images in (202, 240, 299, 301, 390, 401):
        found = watch.row(state, row_at(images))
        drawn.append(np.isfinite(found["diversity"]))
    assert drawn == [True, False, False, True, False, True]
    assert [path.name for path in sorted(tmp_path.glob("grid-*"))] == [
        "grid-000000202.png", "grid-000000301.png", "grid-000000401.png",
    ]  # fmt: skip


def test_line_of_the_log_and_columns(tmp_path, caplog):
    watch, state = watch_over(tmp_path), state_of(Noisy())
    with caplog.at_level(logging.INFO, logger="mrisynth"):
        first = watch.row(state, row_at(220))
        second = watch.row(state, row_at(240, seconds=1.0))
    assert first["images_per_second"] == pytest.approx(40)  # 20 images since the chunk began at 200
    assert second["images_per_second"] == pytest.approx(20)
    assert 0.05 < second["memory_gb"] < 50
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert lines[1].startswith("model: 240 of 400 images; critic_high 1.3, generator_high 0.8; 20 images/s, ")
    assert lines[1].endswith("0:06 left")  # 80 updates at the median of 0.05 and 0.1 s


def test_events_hold_every_row_and_the_grid(tmp_path):
    watch, state = watch_over(tmp_path), state_of(Noisy())
    watch.row(state, row_at(2))
    watch.row(state, row_at(4, critic_high=float("nan")))
    watch.close()
    found: dict[str, list] = {}
    for event in events_of(tmp_path):
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value))
    assert [step for step, _ in found["loss/critic_high"]] == [2, 4]
    assert found["loss/critic_high"][0][1].simple_value == pytest.approx(1.3)
    assert np.isnan(found["loss/critic_high"][1][1].simple_value)
    assert len(found["health/diversity"]) == 1 and len(found["health/right_high"]) == 2
    assert {"run/images_per_second", "run/memory_gb"} <= set(found)
    ((step, picture),) = found["samples"]
    assert step == 2
    assert picture.image.encoded_image_string == (tmp_path / "grid-000000002.png").read_bytes()
    assert (picture.image.height, picture.image.width) == (30 + 3 * 128, 10 * 128 + 10)
    assert picture.image.colorspace == 1


BRAINS = torch.rand(8, 1, SIZE, SIZE, SIZE, generator=torch.Generator().manual_seed(3)) * 2 - 1


@pytest.mark.fault(18)
@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda latents: BRAINS[: len(latents)], ""),
        (lambda latents: BRAINS[:1].expand(len(latents), -1, -1, -1, -1) + 1e-3 * latents[:, :1, None, None, None], "collapsed"),
        (lambda latents: latents[:, :1, None, None, None].expand(-1, 1, SIZE, SIZE, SIZE).tanh(), "constant"),
        (lambda latents: torch.full((len(latents), 1, SIZE, SIZE, SIZE), -1.0), "constant"),
        (lambda latents: BRAINS[: len(latents)] / (latents[:, :1, None, None, None] > 0), "not finite"),
    ],
)  # fmt: skip
def test_planted_faults_of_the_generator_are_named(tmp_path, make, named):
    watch = watch_over(tmp_path, Planted(make))
    watch.row(state_of(Noisy()), row_at(150))
    watch.row(state_of(Noisy()), row_at(160))
    watch.close()
    table = read_table(tmp_path / "health.tsv")
    assert list(table.columns) == list(HEALTH_COLUMNS)
    assert len(table) == 1
    if named:
        assert table["warning"][0].startswith(named)
        assert watch.warnings() == [f"at 150 images, {table['warning'][0]}"]
    else:
        assert table["warning"].isna().all() and watch.warnings() == []
        assert table["critic_right"][0] == 0.7


@pytest.mark.fault(18)
def test_a_saturated_critic_is_named_once_an_interval(tmp_path):
    watch, state = (
        watch_over(tmp_path, Planted(lambda latents: BRAINS[: len(latents)]), every_images=100),
        state_of(Noisy()),
    )
    for images in range(2, 201, 2):
        right = 1.0 if images > 110 else 0.7
        watch.row(state, row_at(images, right_low=right, right_high=0.8, critic_low=0.001))
    watch.close()
    table = read_table(tmp_path / "health.tsv")
    told = table[table["warning"].str.startswith("critic saturated", na=False)]
    assert told["images_seen"].tolist() == [150, 200]  # 40 images, a tenth of the training, after 110; then at the grid
    assert "critic low ranked 100.0%" in told["warning"].iloc[0] and told["diversity"].notna().tolist() == [False, True]


@pytest.mark.fault(19)
def test_a_grid_that_does_not_fit_into_memory_stops_nothing(tmp_path, caplog):
    def full(latents):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    watch, network = watch_over(tmp_path, Planted(full)), Noisy()
    found = watch.row(state_of(network), row_at(2))
    watch.row(state_of(network), row_at(4, right_high=1.0))
    watch.close()
    assert np.isnan(found["diversity"]) and not list(tmp_path.glob("grid-*")) and network.training
    assert "model at 2 images: no grid, out of memory" in caplog.text
    assert read_table(tmp_path / "health.tsv").empty and watch.warnings() == []


def rows_of(count: int, **changes: float) -> list[dict[str, float]]:
    return [row_at(2 * number, **changes) for number in range(1, count + 1)]


def test_saturation_needs_a_tenth_of_the_training_a_logistic_loss_and_enough_rows():
    assert saturation_warning(rows_of(60, right_high=0.996), images_total=400).startswith("critic saturated")
    assert saturation_warning(rows_of(60, right_high=0.994), images_total=400) == ""
    assert saturation_warning(rows_of(60, right_high=1.0), images_total=4000) == ""  # three hundredths of the training
    assert saturation_warning(rows_of(10, right_high=1.0), images_total=40) == ""  # ten rows say nothing
    wasserstein = {"right_high": 1.0, "critic_high": -3.0, "generator_high": 2.0}
    assert saturation_warning(rows_of(60, **wasserstein), images_total=400) == ""
    assert saturation_warning([], images_total=400) == "" == saturation_warning(rows_of(60), images_total=400)


def test_shares_of_critics_leave_out_rows_without_a_value():
    rows = [{"right_high": 1.0}, {"right_high": float("nan"), "right_low": float("nan")}, {"right_high": 0.5}]
    assert critics_right(rows) == {"high": 0.75}


def test_diversity_of_known_cases():
    generator = np.random.default_rng(2)
    reals = generator.normal(size=(5, 8, 8, 8))
    assert diversity(reals, reals) == pytest.approx(1)
    assert diversity(3 * reals, reals) == pytest.approx(3, rel=1e-5)
    assert diversity(np.repeat(reals[:1], 4, axis=0), reals) == 0
    pairs = [np.sqrt(((a - b) ** 2).mean()) for i, a in enumerate(reals) for b in reals[i + 1 :]]
    others = 10 + generator.normal(size=(3, 8, 8, 8))
    by_hand = np.mean([np.sqrt(((others[i] - others[j]) ** 2).mean()) for i, j in ((0, 1), (0, 2), (1, 2))])
    assert diversity(others, reals) == pytest.approx(by_hand / np.mean(pairs), rel=1e-4)
    assert np.isnan(diversity(reals, reals[:1])) and np.isnan(diversity(reals * np.nan, reals))


def test_the_worst_fault_is_named():
    volumes = np.zeros((3, 8, 8, 8), dtype=np.float32)
    assert sample_warning(volumes, diversity=0.0).startswith("constant: 3 of 3")
    volumes[1, 2, 3, 4] = np.nan
    assert sample_warning(volumes, diversity=float("nan")).startswith("not finite: 1 of 3")
