# Networks are trained: the shared start once per dataset and network, then every cell of the grid.


rule start:
    input:
        data="data/{dataset}.safetensors",
        sent=sent_with(),
    output:
        runs=f"{RUNS}/start/runs.json",
        models=f"{RUNS}/start/models.safetensors",
    log:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/start.log",
    benchmark:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/start.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=mem_mb,
        runtime=train_minutes,
        gpu=GPU,
    params:
        spec=lambda wildcards: start_spec(STUDY, wildcards.dataset, wildcards.network).model_dump_json(),
        scratch=f"{RESULTS}/scratch/{{dataset}}/{{network}}/start",
    message:
        "training the shared start of {wildcards.network} on {wildcards.dataset}"
    shell:
        "python -m workflow.scripts.start --spec {params.spec:q} --data {input.data:q} --out {output.runs:q}"
        " --scratch {params.scratch:q} --threads {threads} 2> {log:q}"


rule learn:
    input:
        data="data/{dataset}.safetensors",
        start=start_of,
        reference=reference_of,
        sent=sent_with(start_of, reference_of),
    output:
        runs=f"{RUNS}/{{cell}}/runs.json",
        models=f"{RUNS}/{{cell}}/models.safetensors",
    log:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/{{cell}}.log",
    # No `benchmark`: it would double what a job costs Snakemake. A row has its seconds, `start.tsv` the memory of the task.
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=mem_mb,
        runtime=train_minutes,
        gpu=GPU,
    params:
        spec=lambda wildcards: cell_spec(STUDY, cell_of(wildcards)).model_dump_json(),
        scratch=f"{RESULTS}/scratch/{{dataset}}/{{network}}/{{cell}}",
    message:
        "training {wildcards.cell}, {wildcards.network} on {wildcards.dataset}"
    shell:
        "python -m workflow.scripts.learn --spec {params.spec:q} --data {input.data:q} --start {input.start:q}"
        " --reference {input.reference:q} --out {output.runs:q} --scratch {params.scratch:q} --threads {threads} 2> {log:q}"
