# Networks are trained: the shared start once per dataset and network, then every cell of the grid.


def start_of(wildcards):
    """The shared start, for a method that begins from it."""
    takes = registry.card(cell_of(wildcards).entry.key).start == "pretrained" and STUDY.pretrain_epochs
    return f"{RUNS}/start/runs.json" if takes else []


def matched_by(wildcards):
    """The cell whose MACs are to be matched."""
    reference = cell_of(wildcards).reference
    return f"{RUNS}/{reference}/runs.json" if reference else []


rule start:
    input:
        data="data/{dataset}.safetensors",
    output:
        runs=f"{RUNS}/start/runs.json",
        models=f"{RUNS}/start/models.safetensors",
    log:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/start.log",
    benchmark:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/start.tsv"
    params:
        spec=lambda wildcards: start_spec(STUDY, wildcards.dataset, wildcards.network).model_dump_json(),
        out=f"{RUNS}/start",
        scratch=f"{RESULTS}/scratch/{{dataset}}/{{network}}/start",
    threads: 1
    resources:
        mem_mb=4000,
    conda:
        "../../environment.yml"
    message:
        "training the shared start of {wildcards.network} on {wildcards.dataset}"
    shell:
        "python -m workflow.scripts.start --spec {params.spec:q} --data {input.data:q} --out {params.out:q}"
        " --scratch {params.scratch:q} --threads {threads} 2> {log:q}"


rule learn:
    input:
        data="data/{dataset}.safetensors",
        start=start_of,
        matched=matched_by,
    output:
        runs=f"{RUNS}/{{cell}}/runs.json",
        models=f"{RUNS}/{{cell}}/models.safetensors",
    log:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/{{cell}}.log",
    benchmark:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/{{cell}}.tsv"
    params:
        spec=lambda wildcards: cell_spec(STUDY, cell_of(wildcards)).model_dump_json(),
        start=lambda wildcards, input: ["--start", str(Path(input.start).parent)] if input.start else [],
        matched=lambda wildcards, input: ["--matched", str(Path(input.matched).parent)] if input.matched else [],
        out=f"{RUNS}/{{cell}}",
        scratch=f"{RESULTS}/scratch/{{dataset}}/{{network}}/{{cell}}",
    threads: 1
    resources:
        mem_mb=4000,
    conda:
        "../../environment.yml"
    message:
        "training {wildcards.cell}, {wildcards.network} on {wildcards.dataset}"
    shell:
        "python -m workflow.scripts.learn --spec {params.spec:q} --data {input.data:q} {params.start:q}"
        " {params.matched:q} --out {params.out:q} --scratch {params.scratch:q} --threads {threads} 2> {log:q}"
