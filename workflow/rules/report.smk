# Rows in, answers out.

PUBLISHED = list(ROOT.glob("paper/published.csv"))  # numbers of papers; without them, no table of them
# By name, since importing benchmarks.report would make planning slow; a name that it does not know is an error there.
TABLES = ["summary", "overall", "ranks", "matched", "cost", "ablation", "failures", *["published" for _ in PUBLISHED]]
TABLES += ["controls", "profiles", "test_noise", "mcnemar"]
FIGURES = ["difference", "accuracy_macs", "accuracy_cost", "ranks", "compression", "speedup", "channels", "ablation"]
FIGURES += ["profiles", "equal_macs"]
OF_HISTORIES = ["trajectories", "curves"]
PAGE_ASSETS = ["benchmarks/report/page/page.html.jinja", *sorted((ROOT / "benchmarks/report/page/assets").iterdir())]


rule tables:
    input:
        rows=rules.gather.output.rows,
        correct=rules.gather.output.correct,
    output:
        *listed(TABLES, "tables", ["html", "csv", "tex", "md"]),
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/logs/tables.tsv"
    conda:
        "../../environment.yml"
    params:
        code=source_hash("workflow.scripts.tables"),
        content=[file_hash(path) for path in PUBLISHED],
        # A function of the input is not recorded: a project that was moved writes no table anew.
        published=lambda wildcards, input: [word for path in PUBLISHED for word in ("--published", str(path))],
    message:
        "writing the tables"
    shell:
        "python -m workflow.scripts.tables --rows {input.rows:q} --correct {input.correct:q} {params.published:q}"
        " --out {output:q} 2> {log:q}"


rule figures:
    input:
        rows=rules.gather.output.rows,
        histories=rules.gather.output.histories,
    output:
        *listed(FIGURES + OF_HISTORIES, "figures", ["svg", "pdf", "png", "txt"]),
    log:
        f"{RESULTS}/logs/figures.log",
    benchmark:
        f"{RESULTS}/logs/figures.tsv"
    conda:
        "../../environment.yml"
    params:
        code=source_hash("workflow.scripts.figures"),
    message:
        "drawing the figures"
    shell:
        "python -m workflow.scripts.figures --rows {input.rows:q} --histories {input.histories:q} --out {output:q}"
        " 2> {log:q}"


rule page:
    input:
        rows=rules.gather.output.rows,
        histories=rules.gather.output.histories,
        tables=[path for path in rules.tables.output if path.endswith(".html")],
        figures=[path for path in rules.figures.output if path.endswith(".svg")],
    output:
        claims=report(
            f"{RESULTS}/claims.md",
            category="Claims",
            labels={"what": "verdicts", "as": "text"},
            caption="../report/claims.rst",
        ),
        page=report(
            f"{RESULTS}/index.html",
            category="Page",
            labels={"what": "everything", "as": "page"},
            caption="../report/page.rst",
        ),
    log:
        f"{RESULTS}/logs/page.log",
    benchmark:
        f"{RESULTS}/logs/page.tsv"
    conda:
        "../../environment.yml"
    params:
        code=source_hash("workflow.scripts.page"),
        assets=[file_hash(path) for path in PAGE_ASSETS],
    message:
        "writing the claims and the page"
    shell:
        "python -m workflow.scripts.page --rows {input.rows:q} --histories {input.histories:q} --tables {input.tables:q}"
        " --figures {input.figures:q} --claims {output.claims:q} --page {output.page:q} 2> {log:q}"


include: "compare.smk"
