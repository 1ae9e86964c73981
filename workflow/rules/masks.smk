rule segment_tissues:
    """Tell fluid, grey and white matter of the packed scans of a bundle apart, for masks without label maps."""
    input:
        volumes=volumes_of_tissues,
        index="<results>/pyramid/index.tsv",
    output:
        maps="<results>/masks/tissue/bundle-{bundle}.npz",
        table="<results>/masks/tissue/bundle-{bundle}.tsv",
    log:
        "<logs>/segment_tissues/{bundle}.log",
    benchmark:
        "<benchmarks>/segment_tissues/{bundle}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime=hours_of_tissues,
    params:
        scans=scans_of_bundle,
        size=lambda wildcards: STUDY.sizes[-1],
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        seed=STUDY.seed,
    script:
        "../scripts/segment_tissues.py"


rule pack_masks:
    """Pack masks of few classes in the template, of label maps or tissues, twice: all, and what training may see."""
    input:
        scans="<results>/cohort/scans.tsv",
        index="<results>/{packed}/index.tsv",
        regions=regions_of_masks,
        label_maps=label_maps_of_masks,
        tissues=tissues_of_masks("npz"),
        told=tissues_of_masks("tsv"),
    output:
        known="<results>/masks/{packed}/{size}.known.npy",
        shown="<results>/masks/{packed}/{size}.shown.npy",
        table="<results>/masks/{packed}/{size}.tsv",
        facts="<results>/masks/{packed}/{size}.json",
    log:
        "<logs>/pack_masks/{packed}/{size}.log",
    benchmark:
        "<benchmarks>/pack_masks/{packed}/{size}.tsv"
    wildcard_constraints:
        packed="pyramid|slices",
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(8),
        runtime=hours_of_regions,
    params:
        plan=asdict(REGION_PLAN),
        cohort=STUDY.config["cohort"]["name"],
        preprocessed=f"{STUDY.folder}/preprocessed",
        masks=MASKS,
        positions=STUDY.config["slices"]["positions"],
        cut_size=STUDY.cut_size,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
    script:
        "../scripts/pack_masks.py"


rule draw_masks:
    """Draw some scans or slices with their masks: of those that training is shown, and of those that it is not."""
    input:
        images="<results>/{packed}/{size}.npy",
        index="<results>/{packed}/index.tsv",
        scans="<results>/cohort/scans.tsv",
        known="<results>/masks/{packed}/{size}.known.npy",
        table="<results>/masks/{packed}/{size}.tsv",
        facts="<results>/masks/{packed}/{size}.json",
    output:
        showing_participants(
            "<results>/masks/{packed}/{size}.png",
            caption="../report/masks.rst",
            category="Figures",
            labels={"model": "{packed} at {size}", "figure": "masks"},
        ),
    log:
        "<logs>/draw_masks/{packed}/{size}.log",
    benchmark:
        "<benchmarks>/draw_masks/{packed}/{size}.tsv"
    wildcard_constraints:
        packed="pyramid|slices",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="10m",
    script:
        "../scripts/draw_masks.py"
