rule write_report:
    """The page for people: brains, samples, curves, clusters, scores, exclusions."""
    input:
        metrics="<results>/metrics.tsv",
        tables=expand(
            "<results>/{metric}/{model}.tsv",
            metric=STUDY.config["evaluation"]["metrics"],
            model=STUDY.models,
        ),
        quality="<results>/quality/scans.tsv",
        balance="<results>/cohort/balance.tsv",
        scans="<results>/cohort/scans.tsv",
        index="<results>/pyramid/index.tsv",
        arrays=expand("<results>/pyramid/{size}.npy", size=STUDY.sizes),
        samples=expand("<results>/samples/{model}/samples.tsv", model=STUDY.models),
        shards=expand(
            "<results>/samples/{model}/shards/{shard}.npy",
            model=STUDY.models,
            shard=STUDY.shards()[:1],
        ),
        untrained=f"<results>/controls/{next(iter(STUDY.models))}/untrained.npy",
        noise=f"<results>/controls/{next(iter(STUDY.models))}/noise.npy",
        curves=training_curves,
        clusters=expand("<results>/clusters/{model}.tsv", model=clustered_models()),
        projections=expand(
            "<results>/clusters/{model}.projections.tsv", model=clustered_models()
        ),
    output:
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
        mem="8GB",
        runtime="30m",
    params:
        title=STUDY.config["title"],
        models={name: asdict(model) for name, model in STUDY.models.items()},
        clustered_features={
            "name": STUDY.config["clustering"]["features"],
            "network": STUDY.config["features"][
                STUDY.config["clustering"]["features"]
            ]["network"],
        },
        seed=STUDY.seed,
    script:
        "../scripts/write_report.py"
