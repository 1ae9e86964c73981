# The scores ask for the plan, not the training, so that a new estimate never trains anything again.
rule plan_training:
    """Estimate how long a model trains on the device of its jobs, and stop before any work if that is hopeless."""
    output:
        "<results>/training/{model}/plan.json",
    log:
        "<logs>/plan_training/{model}.log",
    priority: 100
    conda:
        "../envs/torch.yaml"
    threads: all_local_cores
    resources:
        gpu=1,
        mem=memory(8),
        runtime="10m",
    params:
        recipe=lambda wildcards: whole_recipe(wildcards.model),
        threads=by_size(1, 4, 8),
    script:
        "../scripts/plan_training.py"


rule train_chunk:
    """Train one chunk of a model; chunks chain, so a killed job loses one chunk at most."""
    input:
        index=packed_index,
        images=packed_images,
        scans="<results>/cohort/scans.tsv",
        condition=condition_of_model,
        previous=previous_chunk,
        start=start_of_model,
        lengths=found_lengths,
        masks=masks_to_train_on,
        mask_facts=facts_of_masks,
    output:
        state=temp("<results>/training/{model}/state-{chunk}.pt"),
        curve="<results>/training/{model}/curve-{chunk}.tsv",
        candidate=directory("<results>/training/{model}/candidate-{chunk}"),
        watch=directory("<results>/training/{model}/watch-{chunk}"),
    log:
        "<logs>/train_chunk/{model}/{chunk}.log",
    benchmark:
        "<benchmarks>/train_chunk/{model}/{chunk}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: by_size(1, 4, 8)
    resources:
        **{key: run_key(key) for key in RUN_KEYS},
        gpu=run_key("devices"),
        mem=memory(6, 16, 48),
        runtime=by_size("8h", "8h", "16h"),
        images_planned=run_key("images_total"),
    params:
        **version_of("training"),
        recipe=what_a_chunk_trains,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        seed=STUDY.seed,
    script:
        "../scripts/train_chunk.py"


rule keep_state:
    """Keep the state at the end of a training, so that it can go on when more images are wanted."""
    input:
        "<results>/training/{model}/state-{chunk}.pt",
    output:
        "<results>/training/{model}/kept-{chunk}.pt",
    log:
        "<logs>/keep_state/{model}/{chunk}.log",
    conda:
        "../envs/torch.yaml"
    resources:
        mem=memory(1),
        runtime="10m",
    script:
        "../scripts/keep_state.py"
