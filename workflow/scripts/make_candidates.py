"""Make one shard of the candidates of a synthesis."""

from pathlib import Path

from mrisynth.files import read_table
from mrisynth.filtering.segmenter import Segmenter
from mrisynth.joblog import running
from mrisynth.sampling import Sampler
from mrisynth.synthesis.annotated import ShownImages
from mrisynth.synthesis.making import Maker, copies_of, made_with, make_shard
from mrisynth.synthesis.parts import Parts
from mrisynth.synthesis.plan import SynthesisPlan
from mrisynth.synthesis.scorers import scorer_of
from mrisynth.synthesis.standards import Standards
from mrisynth.synthesis.steered import guide
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, params, device = snakemake.input, snakemake.params, prepare_device()
    plan, standards = SynthesisPlan(**params.plan), Standards.read(Path(found.standards))
    segmenter = Segmenter.load(Path(found.segmenter).parent, device=device)
    sampler = guide(Sampler.load(Path(found.weights).parent, device=device), plan.guidance)
    shown = ShownImages.open(
        Path(found.index).parent, Path(found.shown), size=sampler.recipe.size, scans=read_table(found.scans),
        dimensions=params.dimensions, structures=standards.rule.structures,
    )  # fmt: skip
    copies, training = copies_of(shown, mirrored=sampler.recipe.augmentation != "none")
    scorer = scorer_of(plan, segmenter, seed=params.seed, device=device)
    maker = Maker(
        plan=plan, sampler=sampler, scorer=scorer, standards=standards, copies=copies, training=training,
        seed=params.seed,
    )  # fmt: skip
    chosen = read_table(found.masks, mask="string").iloc[plan.shard_rows(snakemake.wildcards.shard)]
    images, record = Path(snakemake.output.images), Path(snakemake.output.record)
    told = made_with(maker, chosen, shown.masks, segmenter=Path(found.segmenter))
    parts = Parts(images.with_suffix(".parts"), made_with=told, structures=shown.structures)
    make_shard(maker, chosen, shown.masks, parts, images_path=images, record_path=record)
