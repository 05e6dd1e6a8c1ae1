# Rows in, answers out.

PAIRS = [(dataset, network) for dataset in STUDY.datasets for network in STUDY.networks]


rule gather:
    input:
        rows=[f"{RESULTS}/runs/{dataset}/{network}/rows.json" for dataset, network in PAIRS],
        runs=[f"{RESULTS}/runs/{c.dataset}/{c.network}/{c.folder}/runs.json" for c in CELLS.values()],
    output:
        rows=f"{RESULTS}/rows.csv",
        histories=f"{RESULTS}/runs.parquet",
    log:
        f"{RESULTS}/logs/gather.log",
    benchmark:
        f"{RESULTS}/logs/gather.tsv"
    conda:
        "../../environment.yml"
    params:
        code=registry.source_hash("workflow.scripts.gather"),
    message:
        "gathering the rows"
    shell:
        "python -m workflow.scripts.gather --rows {input.rows:q} --runs {input.runs:q} --out {output.rows:q} 2> {log:q}"


rule tables:
    input:
        rows=rules.gather.output.rows,
    output:
        report(
            expand(
                f"{RESULTS}/tables/summary.{{suffix}}",
                suffix=["csv", "md", "tex", "html"],
            ),
            category="Tables",
            caption="../report/summary.rst",
        ),
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/logs/tables.tsv"
    conda:
        "../../environment.yml"
    params:
        code=registry.source_hash("workflow.scripts.tables"),
    message:
        "writing the tables"
    shell:
        "python -m workflow.scripts.tables --rows {input.rows:q} --out {output:q} 2> {log:q}"


rule figures:
    input:
        rows=rules.gather.output.rows,
    output:
        report(
            expand(
                f"{RESULTS}/figures/{{figure}}.{{suffix}}",
                figure=["accuracy_macs", "accuracy_cost", "channels", "speedup"],
                suffix=["pdf", "svg", "png", "txt"],
            ),
            category="Figures",
            caption="../report/figures.rst",
        ),
    log:
        f"{RESULTS}/logs/figures.log",
    benchmark:
        f"{RESULTS}/logs/figures.tsv"
    conda:
        "../../environment.yml"
    params:
        code=registry.source_hash("workflow.scripts.figures"),
    message:
        "drawing the figures"
    shell:
        "python -m workflow.scripts.figures --rows {input.rows:q} --out {output:q} 2> {log:q}"


rule page:
    input:
        rows=rules.gather.output.rows,
    output:
        claims=report(f"{RESULTS}/claims.md", category="Claims", caption="../report/claims.rst"),
        page=f"{RESULTS}/index.html",
    log:
        f"{RESULTS}/logs/page.log",
    benchmark:
        f"{RESULTS}/logs/page.tsv"
    conda:
        "../../environment.yml"
    params:
        code=registry.source_hash("workflow.scripts.page"),
        template=file_hash("benchmarks/report/page.html.jinja"),
    message:
        "writing the claims and the page"
    shell:
        "python -m workflow.scripts.page --rows {input.rows:q} --claims {output.claims:q} --page {output.page:q}"
        " 2> {log:q}"
