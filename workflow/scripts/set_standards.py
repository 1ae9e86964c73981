"""Choose the masks of a synthesis and what its candidates must reach."""

from pathlib import Path

from mrisynth.conditions import read_condition
from mrisynth.files import read_table, write_table
from mrisynth.filtering.segmenter import Segmenter
from mrisynth.joblog import running
from mrisynth.synthesis.annotated import ShownImages
from mrisynth.synthesis.chosen import choose_masks
from mrisynth.synthesis.plan import SynthesisPlan
from mrisynth.synthesis.scorers import scorer_of
from mrisynth.synthesis.setting import set_standards
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, params, device = snakemake.input, snakemake.params, prepare_device()
    plan = SynthesisPlan(**params.plan)
    segmenter = Segmenter.load(Path(found.segmenter).parent, device=device)
    shown = ShownImages.open(
        Path(found.index).parent,
        Path(found.shown),
        size=int(Path(found.images).stem),
        scans=read_table(found.scans),
        dimensions=params.dimensions,
        structures=params.structures,
    )
    chosen = choose_masks(shown, count=plan.masks, smallest_share=plan.smallest_share, seed=params.seed)
    scorer = scorer_of(plan, segmenter, seed=params.seed, device=device)
    told = read_condition(Path(found.condition)).table
    standards = set_standards(shown, plan, scorer, segmenter, told=told, seed=params.seed)
    standards.write(Path(snakemake.output.standards))
    write_table(chosen, snakemake.output.masks)
