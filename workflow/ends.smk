"""What a study ends in, and what of its configuration decides whom to cite."""

from mrisynth.provenance.citations import configured, read_uses


def configured_uses(wildcards):
    """What of the configuration decides which licences and citations a study needs, and nothing else of it."""
    used = dict(STUDY.config)
    if STUDY.of_images:
        # nothing is done to images, and no score of volumes is computed
        del used["preprocessing"]
        wanted = {metric for model in STUDY.models for metric in metrics_of(model)}
        used["evaluation"] = EVALUATION | {"metrics": sorted(wanted)}
    uses = read_uses("resources/citations.tsv")
    members = sources_of(used["cohort"]).values()
    return sorted(
        {term for own in members for term in configured(uses, used | {"cohort": own})}
    )


def scored(wildcards):
    """What all data, models and scores of a study have led to, before any page is written."""
    tables = (
        "metrics.tsv",
        "comparison.tsv",
        "controls/verdicts.tsv",
        "quality/scans.tsv",
    )
    return [
        *(f"<results>/{table}" for table in tables),
        *latent_reports(wildcards),
        *cluster_reports(wildcards),
    ]


def finished(wildcards):
    """Everything that a whole study ends in but the crate."""
    pages = ("report/index.html", "report/comparison.html")
    looked_at = quality_page(wildcards)
    return [
        *([looked_at] if looked_at else []),
        *(f"<results>/{page}" for page in pages),
        *(f"<results>/provenance/citations.{ending}" for ending in ("tsv", "bib")),
        *scored(wildcards),
        *scorecards(wildcards),
        *terms_of_models(wildcards),
        *samples_as_nifti(wildcards),
        *made_of_slices(wildcards),
        *covariate_files(wildcards),
        *mask_pictures(wildcards),
        *control_tables(wildcards),
        *segmentation_files(wildcards),
    ]
