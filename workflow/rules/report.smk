rule collect_replicates:
    """The spread of every score between seeds, for models with `replicates`; a header alone without any."""
    input:
        "<results>/metrics.tsv",
    output:
        report(
            "<results>/replicates.tsv",
            caption="../report/replicates.rst",
            category="Scores",
            labels={"model": "with replicates", "metric": "spread between seeds"},
        ),
    log:
        "<logs>/collect_replicates.log",
    benchmark:
        "<benchmarks>/collect_replicates.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        replicates=STUDY.replicates,
    script:
        "../scripts/collect_replicates.py"


rule write_report:
    """The page for people: brains, samples, curves, clusters, scores, exclusions."""
    input:
        metrics="<results>/metrics.tsv",
        comparison="<results>/comparison.tsv",
        verdicts="<results>/controls/verdicts.tsv",
        quality="<results>/quality/scans.tsv",
        balance="<results>/cohort/balance.tsv",
        scans="<results>/cohort/scans.tsv",
        index=index_of_scans,
        arrays=expand("<results>/pyramid/{size}.npy", size=STUDY.sizes),
        samples=expand("<results>/samples/{model}/samples.tsv", model=STUDY.models),
        shards=expand(
            "<results>/samples/{model}/shards/{shard}.npy",
            model=STUDY.models,
            shard=STUDY.shards()[:1],
        ),
        slices=packed_slices,
        slice_pictures=slice_pictures,
        acceptance=expand("<results>/synthesis/{plan}/acceptance.tsv", plan=PLANS),
        arms=segmentation_tables,
        untrained=[
            f"<results>/controls/{model}/untrained.npy"
            for model in list(STUDY.volume_models)[:1]
        ],
        noise=[
            f"<results>/controls/{model.size}/noise.npy"
            for model in list(STUDY.volume_models.values())[:1]
        ],
        curves=training_curves,
        watches=training_watches,
        validation=expand("<results>/models/{model}/validation.tsv", model=STUDY.models),
        replicates="<results>/replicates.tsv",
        citations="<results>/provenance/citations.tsv",
        maps=expand("<results>/clusters/{model}.png", model=clustered_models()),
        overlaps=expand(
            "<results>/clusters/{model}.overlap.tsv", model=clustered_models()
        ),
        facts=expand("<results>/clusters/{model}.json", model=clustered_models()),
    output:
        **PICTURES_THAT_STAY,
        page=report(
            "<results>/report/index.html",
            caption="../report/page.rst",
            category="Report",
            labels={"page": "the whole study"},
        ),
        figures=report(
            directory("<results>/report/figures"),
            caption="../report/figures.rst",
            category="Figures",
            patterns=["{figure}.png"],
            labels={"figure": "{figure}"},
        ),
    log:
        "<logs>/write_report.log",
    benchmark:
        "<benchmarks>/write_report.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="30m",
    params:
        title=STUDY.config["title"],
        models=recipes_for_readers(),
        replicates=STUDY.replicates,
        terms=asdict(STUDY.redistribution),
        inputs="images" if STUDY.of_images else "scans",
        seed=STUDY.seed,
    script:
        "../scripts/write_report.py"
