# The rows of all tasks in one table, the histories of all runs in another, and in a third which test images each run
# classifies correctly.


rule gather:
    input:
        rows=[f"{RESULTS}/runs/{dataset}/{network}/rows.json" for dataset, network in STUDY.tasks()],
        correct=[f"{RESULTS}/runs/{dataset}/{network}/correct.parquet" for dataset, network in STUDY.tasks()],
        runs=[f"{RESULTS}/runs/{c.dataset}/{c.network}/{c.folder}/runs.json" for c in CELLS.values()],
    output:
        rows=f"{RESULTS}/rows.csv",
        histories=f"{RESULTS}/runs.parquet",
        correct=f"{RESULTS}/correct.parquet",
    log:
        f"{RESULTS}/logs/gather.log",
    benchmark:
        f"{RESULTS}/logs/gather.tsv"
    conda:
        "../../environment.yml"
    params:
        code=source_hash("workflow.scripts.gather"),
        planned=len(CELLS) * len(STUDY.seeds),
    message:
        "gathering the rows"
    shell:
        "python -m workflow.scripts.gather --rows {input.rows:q} --planned {params.planned:q} --out {output.rows:q}"
        " 2> {log:q}"
