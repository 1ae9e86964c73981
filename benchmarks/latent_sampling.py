"""A sample of latent diffusion: a denoising step beside MONAI's plain loop, decoding in slabs beside decoding at once.

Same networks, noise and steps on both sides; each variant has a process of its own, in turn, round by round. MONAI's
loop is its ``DiffusionInferer`` with its ``RFlowScheduler``, guided by zeros as ours is. Memory is what a process holds
at most above what it holds when its networks and latents are ready.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from typing import Any

from measure import cpu_seconds, report
from trial import in_child, peak_mib

STEPS = ("ours", "monai", "ours, guided", "monai, guided")
DECODING = ("at once", "in 4 slabs", "in 8 slabs")
GUIDANCE = 2.0


def main() -> None:
    """Measure all variants, or do one task that the main process set."""
    arguments = _arguments()
    if arguments.task:
        print(json.dumps(measured(json.loads(arguments.task))))
        return
    task = {
        "size": arguments.size,
        "steps": arguments.steps,
        "decoded": arguments.decoded,
        "threads": arguments.threads,
    }
    rows = [*compared(task, "step", STEPS, arguments.rounds), *compared(task, "decode", DECODING, arguments.rounds)]
    report("latent_sampling", rows, **task, rounds=arguments.rounds)


def compared(task: dict[str, Any], what: str, variants: tuple[str, ...], rounds: int) -> list[dict[str, Any]]:
    """Return a row a variant, medians over the rounds, and ratios to the plain one of its kind."""
    runs: dict[str, list[dict[str, float]]] = {variant: [] for variant in variants}
    for _ in range(rounds):
        for variant, results in runs.items():
            results.append(in_child(__file__, task | {"what": what, "variant": variant}))
    middle = {
        variant: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for variant, results in runs.items()
    }
    rows = []
    for variant, row in middle.items():
        plain = middle[variant.replace("ours", "monai") if what == "step" else "at once"]
        ratios = {f"{key}_ratio": row[key] / plain[key] for key in ("cpu_s", "mib")}
        rows.append({"what": what, "variant": variant} | row | ratios)
    return rows


def measured(task: dict[str, Any]) -> dict[str, float]:
    """Return CPU seconds of one denoising step, or of decoding one volume, and the memory that it takes."""
    import torch

    torch.set_num_threads(task["threads"])
    with torch.inference_mode():
        return _stepped(task) if task["what"] == "step" else _decoded(task)


def _stepped(task: dict[str, Any]) -> dict[str, float]:
    import torch

    from mrisynth.diffusion.guidance import guided
    from mrisynth.diffusion.rectified_flow import flow

    generator, noise = _generator(task["size"])
    context = torch.randn(len(noise), generator.context.count, generator.context.width)
    scale = GUIDANCE if task["variant"].endswith("guided") else 1.0
    generator.denoiser(noise, torch.ones(1), context)  # warms up
    begun, held = cpu_seconds(), peak_mib()
    if task["variant"].startswith("ours"):
        flow(guided(generator.denoiser, context, scale=scale), noise, steps=task["steps"])
    else:
        _monai_loop(generator.denoiser, noise, context, steps=task["steps"], scale=scale)
    return {"cpu_s": (cpu_seconds() - begun) / task["steps"], "mib": max(1.0, peak_mib() - held)}


def _monai_loop(denoiser: Any, noise: Any, context: Any, *, steps: int, scale: float) -> None:
    from monai.inferers import DiffusionInferer
    from monai.networks.schedulers import RFlowScheduler

    def network(x: Any, timesteps: Any, context: Any) -> Any:
        return denoiser(x, timesteps / 1000, context)

    scheduler = RFlowScheduler(num_train_timesteps=1000)
    scheduler.set_timesteps(num_inference_steps=steps)
    DiffusionInferer(scheduler).sample(
        noise, network, scheduler, conditioning=context, verbose=False, cfg=None if scale == 1 else scale,
        cfg_fill_value=0.0,
    )  # fmt: skip


def _decoded(task: dict[str, Any]) -> dict[str, float]:
    generator, latents = _generator(task["decoded"])
    slabs = 1 if task["variant"] == "at once" else int(task["variant"].split()[1])
    generator.autoencoder.decode(latents[:, :, :8, :8, :8], slabs=slabs)  # warms up
    begun, held = cpu_seconds(), peak_mib()
    generator.autoencoder.decode(latents, slabs=slabs)
    return {"cpu_s": cpu_seconds() - begun, "mib": max(1.0, peak_mib() - held)}


def _generator(size: int) -> tuple[Any, Any]:
    """Return the networks of a model with all defaults, told two columns, and one latent of noise."""
    import torch

    from mrisynth.models.latent_diffusion import LatentDiffusion
    from mrisynth.recipes import ModelRecipe

    recipe = ModelRecipe(
        name="trial", family="latent_diffusion", condition="group", size=size, images_total=1, images_per_chunk=1,
        batch_size=1,
    )  # fmt: skip
    family = LatentDiffusion()
    generator = family.network("generator", recipe, columns=(2, 3), seed=1).eval()
    return generator, torch.randn(1, *family.latent_shape(recipe), generator=torch.Generator().manual_seed(1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=64, help="of the volumes whose latents are denoised")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--decoded", type=int, default=256, help="size of the volume that is decoded")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each variant, in turn")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    parser.add_argument("--task", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
