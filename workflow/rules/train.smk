rule plan_training:
    """Estimate how long a model trains on the device of its jobs, and stop before any work if that is hopeless.

    The scores ask for it, not the training, so that a new estimate never trains anything again.
    """
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
        mem="8GB",
        runtime="10m",
    params:
        recipe=lambda wildcards: asdict(STUDY.models[wildcards.model]),
    script:
        "../scripts/plan_training.py"


rule train_chunk:
    """Train one chunk of a model; chunks chain, so a killed job loses one chunk at most."""
    input:
        index="<results>/pyramid/index.tsv",
        images=lambda wildcards: f"<results>/pyramid/{STUDY.models[wildcards.model].size}.npy",
        scans="<results>/cohort/scans.tsv",
        condition=condition_of_model,
        previous=previous_chunk,
    output:
        state=temp("<results>/training/{model}/state-{chunk}.pt"),
        curve="<results>/training/{model}/curve-{chunk}.tsv",
    log:
        "<logs>/train_chunk/{model}/{chunk}.log",
    benchmark:
        "<benchmarks>/train_chunk/{model}/{chunk}.tsv"
    conda:
        "../envs/torch.yaml"
    threads: by_size(1, 4, 8)
    resources:
        gpu=1,
        mem=by_size("6GB", "16GB", "48GB"),
        runtime=by_size("8h", "8h", "16h"),
    params:
        recipe=what_is_trained,
        seed=STUDY.seed,
    script:
        "../scripts/train_chunk.py"


rule export_model:
    """Write the trained generator without pickle: weights as safetensors, everything else as JSON."""
    input:
        state=last_state,
        condition=condition_of_model,
        scans="<results>/cohort/scans.tsv",
        index="<results>/pyramid/index.tsv",
        template="<results>/template/brain_mask.nii.gz",
    output:
        weights="<results>/models/{model}/generator.safetensors",
        recipe="<results>/models/{model}/recipe.json",
    log:
        "<logs>/export_model/{model}.log",
    benchmark:
        "<benchmarks>/export_model/{model}.tsv"
    conda:
        "../envs/torch.yaml"
    resources:
        mem=by_size("4GB", "8GB", "16GB"),
        runtime="30m",
    params:
        recipe=what_is_trained,
        field_mm=STUDY.config["preprocessing"]["field_mm"],
        seed=STUDY.seed,
    script:
        "../scripts/export_model.py"
