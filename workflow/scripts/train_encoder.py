"""Train a cohort encoder."""

from pathlib import Path

from mrisynth.embedding.encoder_job import EncoderFiles, make_encoder
from mrisynth.joblog import running
from mrisynth.training.device import prepare_device

with running(snakemake):
    found, made = snakemake.input, snakemake.output
    make_encoder(
        snakemake.wildcards.features,
        snakemake.params.spec,
        size=int(snakemake.wildcards.size),
        files=EncoderFiles(
            pyramid=Path(found.index).parent,
            scans=Path(found.scans),
            regions=Path(found.regions) if found.regions else None,
            weights=Path(made.weights),
            facts=Path(made.facts),
            curve=Path(made.curve),
        ),
        device=prepare_device(),
    )
