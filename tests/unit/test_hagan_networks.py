"""HA-GAN's generator and critics on small cubes."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mrisynth.networks.blocks import ChannelRMSNorm, DoublingConvolution
from mrisynth.networks.hagan_critics import LowCritic, SlabCritic
from mrisynth.networks.hagan_generator import HaganGenerator

UNLABELLED = torch.tensor([-1, -1])


def _generator(size: int = 32, classes: int = 0) -> HaganGenerator:
    torch.manual_seed(0)
    return HaganGenerator(size, width=8, latent=6, classes=classes).eval()


def test_doubling_convolution_is_upsampling_then_convolution():
    torch.manual_seed(0)
    layer = DoublingConvolution(3, 5)
    volumes = torch.randn(2, 3, 4, 5, 6)
    doubled = functional.interpolate(volumes, scale_factor=2, mode="nearest")
    expected = functional.conv3d(doubled, layer.weight, layer.bias, padding=1)
    torch.testing.assert_close(layer(volumes), expected, atol=1e-5, rtol=1e-5)


def test_channel_norm_sees_one_voxel_at_a_time():
    norm = ChannelRMSNorm(4)
    volumes = torch.randn(1, 4, 3, 3, 3)
    changed = volumes.clone()
    changed[..., 2] *= 7
    torch.testing.assert_close(norm(volumes)[..., :2], norm(changed)[..., :2])
    torch.testing.assert_close(norm(volumes).square().mean(dim=1), torch.ones(1, 3, 3, 3), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("size", [32, 64, 96])
def test_a_training_slab_equals_the_same_slab_of_the_whole_volume(size):
    generator = _generator(size)
    last = generator.layout.positions - 1
    latents = torch.randn(2, 6)
    with torch.no_grad():
        whole, low = generator(latents, UNLABELLED)
        assert whole.shape == (2, 1, size, size, size)
        assert low.shape == (2, 1, *[size // 4] * 3)
        for starts in ([0, 0], [1, last], [last, last // 2]):
            slabs, _ = generator(latents, UNLABELLED, slab_starts=starts)
            for image, start in enumerate(starts):
                expected = whole[image, :, 4 * start : 4 * start + generator.layout.slab]
                torch.testing.assert_close(slabs[image], expected, atol=1e-5, rtol=0)


def test_a_whole_volume_is_the_plain_chain_of_layers():
    generator = _generator(96)  # 24 slices of A: two pieces
    with torch.no_grad():
        features = generator.shared_features(torch.randn(1, 6), UNLABELLED[:1])
        branch = generator.high
        expected = torch.tanh(branch.last(torch.relu(branch.norm(branch.first(features)))))
        torch.testing.assert_close(generator.volume(features), expected, atol=1e-5, rtol=0)


def test_classes_and_the_missing_label_have_embeddings_of_their_own():
    generator = _generator(classes=2)
    latents = torch.randn(1, 6).expand(3, -1)
    with torch.no_grad():
        volumes, _ = generator(latents, torch.tensor([0, 1, -1]))
    assert generator.embedding.num_embeddings == 3
    assert not torch.allclose(volumes[0], volumes[1])
    assert not torch.allclose(volumes[1], volumes[2])


@pytest.mark.parametrize("spectral_norm", [True, False])
@pytest.mark.parametrize("size", [32, 64, 96])
def test_critics_score_and_classify(size, spectral_norm):
    generator = _generator(size)
    options = {"width": 8, "classes": 3, "spectral_norm": spectral_norm}
    slab_critic, low_critic = SlabCritic(size, **options), LowCritic(size, **options)
    slabs, low = generator(torch.randn(2, 6), UNLABELLED, slab_starts=[0, 1])
    for scores, logits in (slab_critic(slabs, slab_starts=[0, 1]), low_critic(low)):
        assert scores.shape == (2,)
        assert logits.shape == (2, 3)


def test_the_slab_critic_is_told_where_the_slab_lies():
    torch.manual_seed(0)
    critic = SlabCritic(32, width=8)
    slab = torch.randn(1, 1, 8, 32, 32)
    here, _ = critic(slab, slab_starts=[0])
    there, _ = critic(slab, slab_starts=[6])
    assert here != there


def test_spectral_norm_bounds_the_weights():
    torch.manual_seed(0)
    critic = LowCritic(32, width=8)
    for _ in range(50):
        critic(torch.randn(1, 1, 8, 8, 8))
    weight = critic.eval().ladder[0].weight.detach().flatten(1)
    assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1.0, abs=0.02)
