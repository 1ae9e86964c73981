"""The rounds of the cluster feedback: what each is made of, and what it leaves."""

CLUSTERING_KEYS = {  # what clusters depend on; their stability is judged later
    key: value
    for key, value in STUDY.config["clustering"].items()
    if key not in ("feedback", "features", "stability", "comparison_maps")
}


def clustered_embeddings(wildcards):
    """Real and synthetic embeddings that are clustered after a model."""
    features = STUDY.config["clustering"]["features"]
    folder = f"<results>/embeddings/{features}/{STUDY.models[wildcards.model].size}"
    return {
        "real": f"{folder}/real.npz",
        "samples": f"{folder}/{wildcards.model}.npz",
    }


def round_after_model(wildcards):
    """The round that is made after a model; the form of the first for a model that no round is made after."""
    feedback = STUDY.config["clustering"]["feedback"]
    return feedback.index(wildcards.model) + 1 if wildcards.model in feedback else 1


def files_of_round(ending):
    """A file of the clusters that a round of feedback is made of."""

    def path(wildcards):
        feedback = STUDY.config["clustering"]["feedback"]
        return f"<results>/clusters/{feedback[int(wildcards.round) - 1]}{ending}"

    return path


clusters_of_round = files_of_round(".tsv")
facts_of_round = files_of_round(".json")
page_of_round = files_of_round(".html")


def clustered_models():
    """The models after which clusters are made."""
    return sorted(set(STUDY.config["clustering"]["feedback"]))


def cluster_reports(wildcards):
    """The figure and the page of every round of clusters, and the comparison of maps where it is wanted."""
    endings = [".png", ".html"]
    if STUDY.config["clustering"]["comparison_maps"]:
        endings += [".comparison.png", ".comparison.tsv"]
    return [
        f"<results>/clusters/{model}{ending}"
        for model in clustered_models()
        for ending in endings
    ]
