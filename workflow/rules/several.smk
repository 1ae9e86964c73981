rule simulate_member:
    """Simulate a bundle of the heads of one member of a study of several cohorts."""
    output:
        directory("<results>/cohort/simulated/{member}/bundle-{bundle}"),
    log:
        "<logs>/simulate_member/{member}.{bundle}.log",
    benchmark:
        "<benchmarks>/simulate_member/{member}.{bundle}.tsv"
    wildcard_constraints:
        member="[a-z0-9]+",
    conda:
        "../envs/imaging.yaml"
    resources:
        mem=memory(4),
        runtime="1h",
    params:
        scans=scans_of_member,
        participants=from_member("participants"),
        voxel_mm=from_member("simulated_voxel_mm"),
        atrophy=from_member("simulated_atrophy"),
        variation=from_member("simulated_variation"),
        seed=lambda wildcards: member_seed(STUDY.seed, wildcards.member),
    script:
        "../scripts/simulate_heads.py"
