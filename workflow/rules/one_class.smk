rule choose_class:
    """Say of every slice whether it is of the class that a model is trained on alone, and in which split."""
    input:
        index="<results>/slices/index.tsv",
        condition=condition_of_model,
    output:
        "<results>/one_class/{model}.tsv",
    log:
        "<logs>/choose_class/{model}.log",
    benchmark:
        "<benchmarks>/choose_class/{model}.tsv"
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(2),
        runtime="10m",
    params:
        only=lambda wildcards: STUDY.models[wildcards.model].only,
    script:
        "../scripts/choose_class.py"
