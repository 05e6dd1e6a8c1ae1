# What a study will cost: `snakemake plan`. It needs nothing and leaves nothing but its log.

import json


rule plan:
    log:
        f"{RESULTS}/logs/plan.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        config=json.dumps(config),
        results=RESULTS,
        cores=CORES,
    message:
        "planning {params.results}: two seconds of measuring for each dataset and network"
    shell:
        "python -m workflow.scripts.plan --config {params.config:q} --results {params.results:q} --cores {params.cores}"
        " 2> {log:q}"
