"""The losses of HAGAN's critics, generator and encoders on a piece of a batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mrisynth.models.hagan_step import BRANCHES, Step
from mrisynth.networks.hagan_encoders import encode_features
from mrisynth.training.losses import (
    adversarial_critic_loss,
    adversarial_generator_loss,
    slope_one_penalty,
    zero_centred_penalty,
)
from mrisynth.training.precision import computing_in

_VOXELS = 8 * 32 * 32
_LEAST_DIFFERENCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What one critic says of a piece: scores [piece] and class logits [piece, classes] of reals and of fakes."""

    real: Tensor
    fake: Tensor
    real_logits: Tensor | None
    fake_logits: Tensor | None
    penalty: Tensor | float = 0.0


def critic_loss(step: Step, piece: slice) -> Tensor:
    """Return the loss of both critics; the generator gets no gradient."""
    settings = step.settings
    with torch.no_grad():
        fakes = step.fakes(piece)
    found = {
        branch: _judge(step, branch, piece, real=real, fake=fake.to(real.dtype))
        for branch, real, fake in zip(BRANCHES, step.reals(piece), fakes, strict=True)
    }
    total = torch.zeros((), device=step.batch.images.device)
    for branch, judged in _heard(step, found).items():
        loss = adversarial_critic_loss(settings.loss, judged.real, judged.fake) + judged.penalty
        known = judged.real if settings.loss == "logistic" else judged.real - judged.fake
        right = (judged.real > judged.fake).float().mean()
        step.record(
            piece, **{f"critic_{branch}": loss, f"right_{branch}": right, f"sign_{branch}": known.sign().mean()}
        )
        if judged.real_logits is not None:
            named = step.told_loss(judged.real_logits, piece, of_fakes=False)
            step.record(piece, **{f"class_{branch}": named})
            if settings.classify_fakes:
                named = named + step.told_loss(judged.fake_logits, piece, of_fakes=True)
            loss = loss + settings.condition_weight * named
        total = total + settings.critic_loss_scale * loss
    return total


def generator_loss(step: Step, piece: slice) -> Tensor:
    """Return the loss of the generator; the critics must not gather gradients meanwhile."""
    settings = step.settings
    weights = {"high": settings.high_weight, "low": 1.0, "both": 1.0}
    fakes = step.fakes(piece)
    reals = step.reals(piece) if settings.loss == "relativistic" else (None, None)
    found = {
        branch: _compare(step, branch, piece, real=real, fake=fake)
        for branch, real, fake in zip(BRANCHES, reals, fakes, strict=True)
    }
    total = torch.zeros((), device=step.batch.images.device)
    for branch, judged in _heard(step, found).items():
        loss = adversarial_generator_loss(settings.loss, judged.fake, judged.real)
        step.record(piece, **{f"generator_{branch}": loss})
        named = step.told_loss(judged.fake_logits, piece, of_fakes=True)
        loss = loss + settings.condition_weight_generator * named
        total = total + weights[branch] * loss
    if settings.consistency_weight:
        apart = _apart(step, fakes, piece)
        step.record(piece, consistency=apart)
        total = total + settings.consistency_weight * apart
    if settings.diversity_weight:
        alike = _alike(step, fakes[1], piece)
        step.record(piece, alike=alike)
        total = total + settings.diversity_weight * alike
    return total


def slab_encoder_loss(step: Step, piece: slice) -> Tensor:
    """Return the L1 distance of real slabs from what the generator makes of their encoded slices of A."""
    slabs, _ = step.reals(piece)
    with computing_in(step.state.recipe.precision, slabs):
        features = step.state.networks["encoder_slab"](slabs)
        made = step.generator.high(features, starts=[0] * len(slabs), slices=features.shape[2])
    loss = functional.l1_loss(made.float(), slabs)
    step.record(piece, reconstruction_slab=loss)
    return step.settings.reconstruction_weight * loss


def global_encoder_loss(step: Step, piece: slice) -> Tensor:
    """Return the mean of the L1 distances of slabs and low resolution from those of the encoded latent.

    With ``latent_weight`` the encoder also finds the latent that the generator made features from: without that its
    latents lie far outside the normal distribution that the generator knows.
    """
    networks, reals = step.state.networks, step.reals(piece)
    with computing_in(step.state.recipe.precision, reals[0]):
        with torch.no_grad():
            features = encode_features(networks["encoder_slab"], step.whole(piece), slab=step.generator.layout.slab)
        latents = networks["encoder_global"](features)
        made = step.generator(latents, step.labels(piece), slab_starts=step.slab_features(piece))
    slab, low = (functional.l1_loss(one.float(), other) for one, other in zip(made, reals, strict=True))
    loss = (slab + low) / 2
    step.record(piece, reconstruction_global=loss)
    total = step.settings.reconstruction_weight * loss
    if step.settings.latent_weight:
        found = _latent_distance(step, piece)
        step.record(piece, latent=found)
        total = total + step.settings.latent_weight * found
    return total


def _latent_distance(step: Step, piece: slice) -> Tensor:
    """Return the mean squared distance of latents from what the encoder makes of their feature cubes."""
    latents = step.latents[piece]
    with computing_in(step.state.recipe.precision, latents):
        with torch.no_grad():
            features = step.generator.shared_features(latents, step.labels(piece))
        found = step.state.networks["encoder_global"](features)
    return functional.mse_loss(found.float(), latents)


def _judge(step: Step, branch: str, piece: slice, *, real: Tensor, fake: Tensor) -> Judgement:
    """Let a critic that learns see reals and fakes; its penalty, in 32 bits, is on what it sees."""
    settings = step.settings
    weight = settings.penalty_weight * settings.penalty_every if step.penalised else 0.0
    real, fake = step.seen(real, piece), step.seen(fake, piece)
    one_pass = settings.penalty == "zero_centred" and weight > 0  # serves the scores and the penalty
    precision = "fp32" if one_pass else step.state.recipe.precision
    if one_pass:
        real, fake = real.float().detach().requires_grad_(), fake.float().detach().requires_grad_()
    said_real = step.heads(branch, real, piece, precision=precision)
    said_fake = step.heads(branch, fake, piece, precision=precision)
    penalty: Tensor | float = 0.0
    if one_pass:
        penalty = zero_centred_penalty(said_real[0], real) + zero_centred_penalty(said_fake[0], fake)
    elif settings.penalty == "slope_one" and weight > 0:
        penalty = slope_one_penalty(
            lambda images: step.heads(branch, images, piece, precision="fp32")[0],
            real,
            fake,
            mix=step.mix[piece].to(real.device),
        )
    return Judgement(
        real=said_real[0],
        fake=said_fake[0],
        real_logits=said_real[1],
        fake_logits=said_fake[1],
        penalty=weight * _share(step, real) * penalty,
    )


def _share(step: Step, seen: Tensor) -> float:
    """Return the factor of the zero-centred penalty's weight: what the critic sees, in slabs of 8 x 32 x 32 voxels.

    The slope of a critic spreads over the voxels it sees: one weight for both critics would leave that of the few
    low-resolution voxels flat (Karras et al. 2020, arXiv:2006.06676, 2.2, weigh the penalty by the pixels, too).
    """
    by_voxels = step.settings.penalty == "zero_centred" and step.settings.penalty_scale == "voxels"
    return seen[0].numel() / _VOXELS if by_voxels else 1.0  # a slope of one has no such scale


def _compare(step: Step, branch: str, piece: slice, *, real: Tensor | None, fake: Tensor) -> Judgement:
    """Let a critic that does not learn see fakes, and reals where the loss compares the two."""
    precision = step.state.recipe.precision
    scores, logits = step.heads(branch, step.seen(fake, piece), piece, precision=precision)
    beside = scores.detach()
    if real is not None:
        with torch.no_grad():
            beside = step.heads(branch, step.seen(real, piece), piece, precision=precision)[0]
    return Judgement(real=beside, fake=scores, real_logits=None, fake_logits=logits)


def _heard(step: Step, found: dict[str, Judgement]) -> dict[str, Judgement]:
    """Return both critics' judgements, or their mean as the one judgement of the HA-GAN authors."""
    if step.settings.branches == "separate":
        return found
    high, low = (found[branch] for branch in BRANCHES)

    def mean(name: str) -> Tensor | None:
        one, two = getattr(high, name), getattr(low, name)
        return None if one is None else (one + two) / 2

    return {"both": Judgement(**{name: mean(name) for name in ("real", "fake", "real_logits", "fake_logits")})}


def _apart(step: Step, fakes: tuple[Tensor, Tensor], piece: slice) -> Tensor:
    """Return the mean squared distance of the averaged slabs from the same slices of the low resolution."""
    high, low = (images.float() for images in fakes)
    averaged = functional.avg_pool3d(high, 4)
    rows = [
        volume[:, start : start + averaged.shape[2]]
        for volume, start in zip(low, step.slab_features(piece), strict=True)
    ]
    return functional.mse_loss(averaged, torch.stack(rows))


def _alike(step: Step, low: Tensor, piece: slice) -> Tensor:
    """Return by what share samples differ less from one another than scans do, 0 where they differ as much.

    Each sample's low resolution is compared with that of the next latent of the batch, each scan's with the next scan's
    (mean absolute differences). After Mao et al. 2019 (arXiv:1903.05628), who drive samples apart without an end.
    """
    with torch.no_grad():
        scans = functional.avg_pool3d(step.whole(slice(None)), 4)
        expected = _differences(scans, scans.roll(-1, dims=0)).mean().clamp(min=_LEAST_DIFFERENCE)
        others = torch.cat([low[1:], _first_of_next(step, low, piece)])
    return functional.relu(1 - _differences(low.float(), others.float()) / expected).mean()


def _first_of_next(step: Step, low: Tensor, piece: slice) -> Tensor:
    """Return the low resolution [1, ...] of the latent after those of a piece; after the last comes the first."""
    images = len(step.batch.labels)
    if len(low) == images:
        return low[:1]
    following = slice(piece.stop % images, piece.stop % images + 1)
    with computing_in(step.state.recipe.precision, low):
        return step.generator.low(step.generator.shared_features(step.latents[following], step.labels(following)))


def _differences(one: Tensor, other: Tensor) -> Tensor:
    return (one - other).abs().flatten(1).mean(dim=1)
