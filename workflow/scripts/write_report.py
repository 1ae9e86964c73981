"""Write the page of the study and its figures."""

from pathlib import Path

from mrisynth.joblog import running
from mrisynth.redistribution import Redistribution
from mrisynth.reporting.cluster_section import ClusterFiles
from mrisynth.reporting.study_page import StudyFiles, write_study_report

with running(snakemake):
    models, found, params = snakemake.params.models, snakemake.input, snakemake.params
    curves, watches = ({name: [] for name in models} for _ in range(2))
    for paths, by_model in ((found.curves, curves), (found.watches, watches)):
        for path in map(Path, paths):
            by_model[path.parent.name].append(path)
    rounds = zip(map(Path, found.maps), map(Path, found.overlaps), map(Path, found.facts), strict=True)
    clusters = {one[0].stem: ClusterFiles(picture=one[0], overlap=one[1], facts=one[2]) for one in rounds}
    tables = ("metrics", "comparison", "verdicts", "quality", "scans", "balance", "replicates", "citations")
    write_study_report(
        Path(snakemake.output.page),
        figures=Path(snakemake.output.figures),
        **{name: params[name] for name in ("title", "seed", "replicates", "inputs")},
        files=StudyFiles(
            **{name: Path(found[name]) for name in tables},
            pyramid=Path(found.index).parent,
            samples=dict(zip(models, map(Path, found.shards), strict=True)),
            slices=Path(found.slices[0]).parent if found.slices else None,
            slice_pictures=[Path(picture) for picture in found.slice_pictures],
            acceptance={Path(path).parent.name: Path(path) for path in found.acceptance},
            arms=[Path(path) for path in found.arms],
            controls={name: Path(found[name][0]) for name in ("untrained", "noise") if found[name]},
            curves=curves,
            watches=watches,
            validation=dict(zip(models, map(Path, found.validation), strict=True)),
            clusters=clusters,
        ),
        models=models,
        terms=Redistribution(**params.terms),
        kept=Path(snakemake.output.get("kept") or snakemake.output.figures),
    )
