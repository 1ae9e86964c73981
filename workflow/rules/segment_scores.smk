rule score_arms:
    """Score what every arm says of the test scans, and compare every two arms on the same people."""
    input:
        predictions=predictions_of_arms,
        test="<results>/segmentation/test",
    output:
        cases="<results>/segmentation/cases.tsv",
        arms=report(
            "<results>/segmentation/arms.tsv",
            caption="../report/segmentation.rst",
            category="Scores",
            labels={"model": "arms", "metric": "segmentation"},
        ),
        differences=report(
            "<results>/segmentation/differences.tsv",
            caption="../report/segmentation.rst",
            category="Scores",
            labels={"model": "arm against arm", "metric": "segmentation"},
        ),
    log:
        "<logs>/score_arms.log",
    benchmark:
        "<benchmarks>/score_arms.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(8),
        runtime="4h",
    params:
        **version_of("scores"),
        arms=lambda wildcards: planned().arms,
        tolerance_mm=lambda wildcards: planned().tolerance_mm
        or STUDY.config["preprocessing"]["field_mm"] / planned().size,
        replicates=EVALUATION["resamplings"],
        seed=STUDY.seed,
    script:
        "../scripts/score_arms.py"


rule draw_arms:
    """Draw the scores of the arms, and their contours on test images from the worst to the best."""
    input:
        predictions=predictions_of_arms,
        test="<results>/segmentation/test",
        cases="<results>/segmentation/cases.tsv",
        arms="<results>/segmentation/arms.tsv",
    output:
        figure=report(
            "<results>/segmentation/segmentation.png",
            caption="../report/segmentation.rst",
            category="Figures",
            labels={"model": "arms", "figure": "segmentation"},
        ),
        picture=showing_participants(
            "<results>/segmentation/predictions.png",
            caption="../report/segmentation.rst",
            category="Figures",
            labels={"model": "arms", "figure": "predictions"},
        ),
    log:
        "<logs>/draw_arms.log",
    benchmark:
        "<benchmarks>/draw_arms.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="30m",
    params:
        words=lambda wildcards: {arm: ARMS[arm] for arm in planned().arms},
        domain=lambda wildcards: planned().domain,
        shown=lambda wildcards: planned().shown,
    script:
        "../scripts/draw_arms.py"
