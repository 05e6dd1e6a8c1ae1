# Networks are counted, timed and scored. One job times all the cells of a task, with every core of the machine to
# itself: no other job runs while latencies are taken, and one process takes them all.

import json


rule measure:
    input:
        data="data/{dataset}.safetensors",
        runs=runs_of,
        sent=sent_with(runs_of),
    output:
        rows=f"{RUNS}/rows.json",
        correct=f"{RUNS}/correct.parquet",
    log:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/measure.log",
    benchmark:
        f"{RESULTS}/logs/{{dataset}}/{{network}}/measure.tsv"
    conda:
        "../../environment.yml"
    threads: CORES
    resources:
        mem_mb=mem_mb,
        runtime=measure_minutes,
        gpu=GPU,
    params:
        code=lambda wildcards: source_hash("benchmarks.measure"),
        specs=lambda wildcards: [cell_spec(STUDY, cell).model_dump_json() for cell in cells_of_task(wildcards)],
        recipe=lambda wildcards: recipe_origin(
            wildcards.dataset, wildcards.network, STUDY.recipe_of(wildcards.dataset, wildcards.network)
        ),
        # The specs say when to measure again. On the command line, which may have 128 KiB, stands what they follow from;
        # a function of the input is not recorded, so that a dataset more does not measure the others again.
        config=lambda wildcards, input: json.dumps(config),
    message:
        "measuring {wildcards.network} on {wildcards.dataset}"
    shell:
        "python -m workflow.scripts.measure --config {params.config:q} --dataset {wildcards.dataset:q}"
        " --network {wildcards.network:q} --data {input.data:q} --out {output.rows:q} 2> {log:q}"
