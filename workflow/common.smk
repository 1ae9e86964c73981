"""What the rules share: the study, and the input functions that need more than a pattern."""

import os
from pathlib import Path

from mrisynth.cohorts.several import sources_of, told_of
from mrisynth.cohorts.sources import IXI_TABLE, is_simulated
from mrisynth.errors import ConfigError, MrisynthError
from mrisynth.feature_weights import PUBLISHED, WEIGHTS_FOLDER
from mrisynth.study import Study
from mrisynth.versions import version_of
from snakemake.exceptions import WorkflowError

HD_BET_WEIGHTS = f"{WEIGHTS_FOLDER}/hd_bet"
MEDICALNET_WEIGHTS = PUBLISHED["medicalnet_resnet50"].file
INCEPTION_WEIGHTS = PUBLISHED["inception"].file
DOWNLOADED_TEMPLATE = "resources/template/icbm152_2009c"

try:
    STUDY = Study.read(
        config,
        schema=workflow.source_path("schemas/config.schema.yaml"),
        source=", ".join(os.path.relpath(file) for file in workflow.configfiles)
        or "--config",
    )
    STUDY.bundles  # lists the scans, so that a missing folder is named now and not in a job
    STUDY.redistribution  # so that a right that is stated on nobody's word is named now
except ConfigError as error:
    raise WorkflowError(str(error)) from None


EXTRACTION = STUDY.config["preprocessing"]["brain_extraction"]
EVALUATION = STUDY.config["evaluation"]


def raw_folders_of_bundle(bundle):
    """The folders that jobs make for a bundle: simulated heads, DICOM series converted, zip files unpacked."""
    scans = STUDY.bundles.get(bundle, [])
    cohort = STUDY.config["cohort"]
    drawn = {scan.member for scan in scans if is_simulated(scan, cohort)}
    made = {
        **{f"simulated/{name}".rstrip("/"): True for name in sorted(drawn)},
        "nifti": any(scan.dicom for scan in scans),
        "unpacked": any(scan.archive for scan in scans),
    }
    return [
        f"<results>/cohort/{name}/bundle-{bundle}"
        for name, is_made in made.items()
        if is_made
    ]


def raw_scans(scans, bundles):
    """What must exist before scans can be read: their files, the download that holds them, or folders that jobs make."""
    cohort = STUDY.config["cohort"]
    if cohort["name"] == "ixi" and cohort["folder"] is None:
        return ["resources/ixi/T1"]
    folders = [folder for bundle in bundles for folder in raw_folders_of_bundle(bundle)]
    files = [
        scan
        for scan in scans
        if not scan.dicom and not scan.archive and not is_simulated(scan, cohort)
    ]
    return [*folders, *(str(scan.path) for scan in files if scan.path.exists())]


def raw_scans_of_cohort(wildcards):
    """Inputs of the tables of the cohort; a function, so that a job that does not need them lists no 100,000 files."""
    return raw_scans(STUDY.scans, STUDY.bundles)


def files_of_cohort(wildcards):
    """The scans of the cohort as {scan: [participant, path]}."""
    return {scan.scan: [scan.participant_id, str(scan.path)] for scan in STUDY.scans}


def raw_scans_of_bundle(wildcards):
    """Inputs of a bundle's brain extraction."""
    return raw_scans(STUDY.bundles.get(wildcards.bundle, []), [wildcards.bundle])


def scan_paths_of_bundle(wildcards):
    """The scans of a bundle as {scan: path}."""
    return {scan.scan: str(scan.path) for scan in STUDY.bundles[wildcards.bundle]}


def dicom_of_bundle(wildcards):
    """The DICOM series of a bundle as {scan: folder}."""
    scans = STUDY.bundles.get(wildcards.bundle, [])
    return {scan.scan: str(scan.dicom) for scan in scans if scan.dicom}


def archives_of_bundle(wildcards):
    """The zip files of a bundle as {scan: file}."""
    scans = STUDY.bundles.get(wildcards.bundle, [])
    return {scan.scan: str(scan.archive) for scan in scans if scan.archive}


def contrasts_if_set(cohort):
    """The contrasts of simulated sites as a parameter where they are set, so that an upgrade simulates nothing again."""
    given = cohort.get("simulated_contrast")
    return {"contrasts": given} if given else {}


def demographics(wildcards):
    """The tables of participants, scans and sessions that come with the cohort, as far as they are files."""
    cohorts = sources_of(STUDY.config["cohort"]).values()
    return [table for cohort in cohorts for table in tables_of(cohort)]


def tables_of(cohort):
    """The tables that come with one cohort."""
    match cohort["name"]:
        case "ixi":
            return [cohort["demographics"] or IXI_TABLE]
        case "bids":
            folder = Path(cohort["folder"])
            tables = [folder / "participants.tsv", folder / "participants.json"]
            tables += sorted(folder.glob("sub-*/sub-*_sessions.tsv"))
            return [str(table) for table in tables if table.exists()]
        case "adni":
            return [
                table
                for table in (cohort["demographics"], cohort["adni"]["adnimerge"])
                if table
            ]
        case "ukbiobank":
            return [cohort["demographics"]] if cohort["demographics"] else []
        case _:
            return []


def extracts_by(method):
    """Whether brains are extracted by this method."""
    return EXTRACTION["method"] == method and not EXTRACTION["already_extracted"]


def extraction_weights(wildcards):
    """The HD-BET weights when brain extraction needs them."""
    return (EXTRACTION["weights"] or HD_BET_WEIGHTS) if extracts_by("hd_bet") else []


def extraction_head_template(wildcards):
    """The head whose mask `atlas` carries over: a file, or the folder of the downloaded template."""
    if not extracts_by("atlas"):
        return []
    return EXTRACTION["head_template"] or DOWNLOADED_TEMPLATE


def extraction_gpus(wildcards):
    """One GPU for HD-BET; the other methods run on a CPU."""
    return int(extracts_by("hd_bet"))


def template_path(wildcards):
    """Name of the template inside the nilearn package, or the path of a template file or folder."""
    template = STUDY.config["preprocessing"]["template"]
    return DOWNLOADED_TEMPLATE if template == "icbm152_2009c" else template


def template_source(wildcards):
    """What must exist before the template can be read; the one inside the nilearn package needs nothing."""
    path = template_path(wildcards)
    return [] if path == "icbm152_2009a" else path


def exclusions(wildcards):
    """The table of scans left out by hand, if there is one."""
    table = STUDY.config["preprocessing"]["exclusions"]
    return table if Path(table).exists() else []


def title_that_starts_nothing(wildcards, input):
    """The title, for a page that training waits for: parameters that are given `input` make nothing run again."""
    return STUDY.config["title"]


def condition_of_model(wildcards):
    """The condition table of a model."""
    return f"<results>/conditions/{STUDY.models[wildcards.model].condition}.tsv"


def all_local_cores(wildcards):
    """Every core where jobs run on this machine, so that nothing starts beside; one where jobs are submitted."""
    submitted = workflow.non_local_exec or workflow.remote_exec
    return 1 if submitted else workflow.cores


def by_size(small, middle, large):
    """A resource that depends on the size of the model: up to 64, up to 96, above."""

    def value(wildcards):
        size = STUDY.models[wildcards.model].size
        return small if size <= 64 else middle if size <= 96 else large

    return value


def memory(small, middle=None, large=None):
    """Memory in GB, by the size of the model where three are given; half of it more with every further attempt."""

    def value(wildcards, attempt):
        first = by_size(small, middle, large)(wildcards) if large else small
        return f"{first * (attempt + 1) / 2:g}GB"

    return value


PICTURES_THAT_STAY = (
    {} if STUDY.redistribution.allowed else {"kept": directory("<results>/pictures")}
)


def showing_participants(path, **about):
    """An output of Snakemake's report, where data of its participants may leave the study; else an output alone."""
    return report(path, **about) if STUDY.redistribution.allowed else path


def terms_of_models(wildcards):
    """What lies beside every model and its samples to say who may have them."""
    kinds = ("models", "samples")
    return [
        f"<results>/{kind}/{name}/TERMS.md" for kind in kinds for name in STUDY.models
    ]


def what_is_exported(wildcards):
    """Inputs of the export; where results may not be passed on it ends here, before anything is computed."""
    try:
        STUDY.redistribution.require("The export")
    except MrisynthError as error:
        raise WorkflowError(str(error)) from None
    pages = [f"<results>/report/{page}.html" for page in ("index", "comparison")]
    tables = ["<results>/comparison.tsv", "<results>/replicates.tsv"]
    cited = [f"<results>/provenance/citations.{ending}" for ending in ("tsv", "bib")]
    models = [f"<results>/models/{model}/recipe.json" for model in STUDY.models]
    samples = [f"<results>/samples/{model}/samples.tsv" for model in STUDY.models]
    drawn = samples_as_nifti(wildcards)
    return [*pages, *tables, *cited, *models, *samples, *drawn, *scorecards(wildcards)]


def samples_as_nifti(wildcards):
    """The folders of the first samples of every model as NIfTI."""
    return [f"<results>/samples/{model}/nifti" for model in STUDY.models]


def scorecards(wildcards):
    """The scorecard of every model, for people and for programs."""
    return [
        f"<results>/report/scorecards/{model}.{ending}"
        for model in STUDY.models
        for ending in ("html", "json")
    ]


def latent_reports(wildcards):
    """The figures and tables of the latents of every model with encoders."""
    encoding = [
        model
        for model, recipe in STUDY.models.items()
        if recipe.family_recipe.get("encoders", "none") != "none"
    ]
    names = ("reconstructions.png", "interpolation.png", "directions.png")
    return [f"<results>/latents/{model}/{name}" for model in encoding for name in names]
