# The published studies become the paper, so that it can be typeset from a clone.

STUDIES = (
    "reference",
    "reading",
    "ablation_switcher",
    "field",
)
# each has a part of the text
THERE = [folder for study in STUDIES if (folder := ROOT / "results/published" / study).joinpath("rows.csv").exists()]


rule paper:
    input:
        rows=[folder / "rows.csv" for folder in THERE],
        histories=[path for folder in THERE for path in folder.glob("runs.parquet")],
        text=ROOT / "paper/main.tex",
        references=ROOT / "paper/references.bib",
        literature=ROOT / "paper/published.csv",
    output:
        "paper/main.pdf",
    log:
        "paper/build/logs/paper.log",
    benchmark:
        "paper/build/logs/paper.tsv"
    conda:
        "../../environment.yml"
    params:
        code=source_hash("workflow.scripts.paper"),
        studies=[str(folder) for folder in THERE],
        work="paper/build",
        bibliography=ROOT / "paper",
    message:
        "drawing and typesetting the paper"
    shell:
        "(python -m workflow.scripts.paper --studies {params.studies:q} --literature {input.literature:q}"
        " --text {input.text:q} --out {params.work:q}"
        " && SOURCE_DATE_EPOCH=0 FORCE_SOURCE_DATE=1 TEXINPUTS={params.work:q}: BIBINPUTS={params.bibliography:q}:"
        " latexmk -pdf -interaction=nonstopmode -halt-on-error -output-directory={params.work:q} {input.text:q}"
        " && cp {params.work:q}/main.pdf {output:q}) > {log:q} 2>&1"
