# It downloads: a node of a cluster may not be able to.
localrules:
    prepare,


# Bytes become tensors, checked by sha256. `update`: the file is replaced, and never away in between; another study of
# this folder may be about to read it.
rule prepare:
    output:
        tensors=update("data/{dataset}.safetensors"),
        sha256=update("data/{dataset}.sha256"),
    log:
        "data/logs/{dataset}.log",
    benchmark:
        "data/logs/{dataset}.tsv"
    conda:
        "../../environment.yml"
    resources:
        mem_mb=4000,
    params:
        code=lambda wildcards: source_hash("benchmarks.data.prepared", f"benchmarks.datasets.{wildcards.dataset}"),
        raw="data/raw/{dataset}",
    message:
        "preparing {wildcards.dataset}"
    shell:
        "python -m workflow.scripts.prepare --dataset {wildcards.dataset:q} --raw {params.raw:q}"
        " --out {output.tensors:q} 2> {log:q}"
