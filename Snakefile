from snakemake.utils import min_version

min_version("9.25")

if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "workflow/common.smk"
include: "workflow/images.smk"
include: "workflow/several.smk"
include: "workflow/scores.smk"
include: "workflow/rounds.smk"
include: "workflow/chain.smk"
include: "workflow/covariates.smk"
include: "workflow/masks.smk"
include: "workflow/control.smk"
include: "workflow/segment.smk"
include: "workflow/synthesis.smk"
include: "workflow/ends.smk"
include: "workflow/driver.smk"


# What the directive "pathvars:" turns into, written so that tools without that directive can read this file.
workflow.register_pathvars(
    results=STUDY.folder,
    logs=f"{STUDY.folder}/logs",
    benchmarks=f"{STUDY.folder}/benchmarks",
)


report: "workflow/report/workflow.rst"


wildcard_constraints:
    bundle="b[01]*",
    shard="[0-9]+",
    chunk="[0-9]+",
    round="[0-9]+",
    size="[0-9]+",
    condition="|".join(["none", *STUDY.config["conditions"]]),
    model="|".join(STUDY.models),
    features="|".join(STUDY.config["features"]),
    control="|".join(CONTROLS),
    arm="|".join(ARMS),
    synthesis="|".join(PLANS),


if STUDY.of_images:

    include: "workflow/rules/images.smk"

else:

    include: "workflow/rules/acquire.smk"
    include: "workflow/rules/several.smk"
    include: "workflow/rules/convert.smk"
    include: "workflow/rules/preprocess.smk"
    include: "workflow/rules/quality.smk"
    include: "workflow/rules/pyramid.smk"
    include: "workflow/rules/cut.smk"


include: "workflow/rules/masks.smk"
include: "workflow/rules/matching.smk"
include: "workflow/rules/slices.smk"
include: "workflow/rules/conditions.smk"
include: "workflow/rules/one_class.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/validate.smk"
include: "workflow/rules/sample.smk"
include: "workflow/rules/encoders.smk"
include: "workflow/rules/embed.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/class_scores.smk"
include: "workflow/rules/self_distance.smk"
include: "workflow/rules/slice_scores.smk"
include: "workflow/rules/reconstruction.smk"
include: "workflow/rules/text_similarity.smk"
include: "workflow/rules/slice_areas.smk"
include: "workflow/rules/structure.smk"
include: "workflow/rules/regions.smk"
include: "workflow/rules/label_maps.smk"
include: "workflow/rules/covariates.smk"
include: "workflow/rules/control.smk"
include: "workflow/rules/control_scores.smk"
include: "workflow/rules/control_volumes.smk"
include: "workflow/rules/control_pictures.smk"
include: "workflow/rules/memorisation.smk"
include: "workflow/rules/utility.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/segment_scores.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/latents.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/synthesis_pictures.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/compare.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/estimate.smk"


rule all:
    default_target: True
    input:
        "<results>/metrics.tsv",
        quality_page,
        "<results>/report/index.html",
        "<results>/report/comparison.html",
        scorecards,
        terms_of_models,
        samples_as_nifti,
        made_of_slices,
        covariate_files,
        mask_pictures,
        control_tables,
        segmentation_files,
        synthesis_files,
        latent_reports,
        cluster_reports,
        "<results>/ro-crate-metadata.json",
    localrule: True


rule preprocessed:
    input:
        preprocessed_scans,
    localrule: True


rule clusters:
    input:
        cluster_reports,
    localrule: True


rule report:
    input:
        quality_page,
        "<results>/report/index.html",
        "<results>/report/comparison.html",
        scorecards,
    localrule: True
