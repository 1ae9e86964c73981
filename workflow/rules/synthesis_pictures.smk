rule draw_candidates:
    """Draw some masks of a synthesis, the real image of each, and its candidates."""
    input:
        records=shards_of_plan("tsv"),
        candidates=shards_of_plan("npy"),
        images=images_of_plan,
        shown=masks_of_plan,
        masks="<results>/synthesis/{synthesis}/masks.tsv",
        standards="<results>/synthesis/{synthesis}/standards.json",
    output:
        showing_participants(
            "<results>/synthesis/{synthesis}/candidates.png",
            caption="../report/synthesis.rst",
            category="Figures",
            labels={"model": "{synthesis}", "figure": "candidates"},
        ),
    log:
        "<logs>/draw_candidates/{synthesis}.log",
    benchmark:
        "<benchmarks>/draw_candidates/{synthesis}.tsv"
    conda:
        "../envs/analysis.yaml"
    resources:
        mem=memory(4),
        runtime="10m",
    script:
        "../scripts/draw_candidates.py"


rule write_mrgen:
    """Write a synthesis of slices as pictures and MRGen's lists; only where it is asked for."""
    input:
        records=shards_of_plan("tsv"),
        candidates=shards_of_plan("npy"),
        shown=masks_of_plan,
        masks="<results>/synthesis/{synthesis}/masks.tsv",
        standards="<results>/synthesis/{synthesis}/standards.json",
    output:
        directory("<results>/synthesis/{synthesis}/mrgen"),
    log:
        "<logs>/write_mrgen/{synthesis}.log",
    benchmark:
        "<benchmarks>/write_mrgen/{synthesis}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        plan=plan_of,
    script:
        "../scripts/write_mrgen.py"
