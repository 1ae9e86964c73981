"""Write the page of the study and its figures."""

from pathlib import Path

from mrisynth.joblog import logged
from mrisynth.reporting.study_page import StudyFiles, write_study_report

with logged(snakemake.log[0]):
    models, found = snakemake.params.models, snakemake.input
    curves, watches = ({name: [] for name in models} for _ in range(2))
    for paths, by_model in ((found.curves, curves), (found.watches, watches)):
        for path in map(Path, paths):
            by_model[path.parent.name].append(path)
    clustered = [Path(path).stem for path in found.clusters]
    features = snakemake.params.clustered_features
    files = {name: Path(found[name]) for name in ("metrics", "quality", "scans", "balance", "replicates")}
    write_study_report(
        Path(snakemake.output.page),
        figures=Path(snakemake.output.figures),
        title=snakemake.params.title,
        seed=snakemake.params.seed,
        files=StudyFiles(
            **files,
            pyramid=Path(found.index).parent,
            samples=dict(zip(models, map(Path, found.shards), strict=True)),
            controls={"untrained": Path(found.untrained), "noise": Path(found.noise)},
            curves=curves,
            watches=watches,
            validation=dict(zip(models, map(Path, found.validation), strict=True)),
            clusters=dict(zip(clustered, map(Path, found.clusters), strict=True)),
            projections=dict(zip(clustered, map(Path, found.projections), strict=True)),
        ),
        models=models,
        clustered_features=features["name"],
        clustered_features_trained=features["network"] != "random",
        replicates=snakemake.params.replicates,
    )
