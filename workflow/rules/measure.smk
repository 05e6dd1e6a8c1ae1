# Networks are counted, timed and scored. One job times all the cells of a dataset and network, with every core
# of the machine to itself: latencies are taken beside no other job, and by one process.


rule measure:
    input:
        data="data/{dataset}.safetensors",
        runs=lambda wildcards: [f"{RUNS}/{cell.folder}/runs.json" for cell in beside(wildcards)],
    output:
        f"{RUNS}/rows.json",
    log:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/measure.log",
    benchmark:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/measure.tsv"
    conda:
        "../../environment.yml"
    threads: workflow.cores
    resources:
        mem_mb=4000,
    params:
        code=lambda wildcards: registry.source_hash("benchmarks.measure"),
        specs=lambda wildcards: [cell_spec(STUDY, cell).model_dump_json() for cell in beside(wildcards)],
    message:
        "measuring {wildcards.network} on {wildcards.dataset}"
    shell:
        "python -m workflow.scripts.measure --spec {params.specs:q} --data {input.data:q} --runs {input.runs:q}"
        " --out {output:q} 2> {log:q}"
