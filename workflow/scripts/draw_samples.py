"""Draw one shard of a model's samples."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.sampling import Sampler, write_shard
from mrisynth.training.device import prepare_device

with running(snakemake):
    first, count = snakemake.params.range
    write_shard(
        Sampler.load(Path(snakemake.input.recipe).parent, device=prepare_device()),
        first=first,
        count=count,
        seed=snakemake.params.seed,
        volumes_path=Path(snakemake.output.volumes),
        low_path=Path(snakemake.output.low),
        table_path=Path(snakemake.output.table),
    )
