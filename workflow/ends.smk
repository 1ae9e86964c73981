"""What a study ends in, and what of its configuration decides whom to cite."""

from mrisynth.provenance.citations import configured, read_uses


def configured_uses(wildcards):
    """What of the configuration decides which licences and citations a study needs, and nothing else of it."""
    return configured(read_uses("resources/citations.tsv"), STUDY.config)


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
    pages = ("quality/index.html", "report/index.html", "report/comparison.html")
    return [
        *(f"<results>/{page}" for page in pages),
        *(f"<results>/provenance/citations.{ending}" for ending in ("tsv", "bib")),
        *scored(wildcards),
        *scorecards(wildcards),
        *terms_of_models(wildcards),
        *samples_as_nifti(wildcards),
        *made_of_slices(wildcards),
    ]
