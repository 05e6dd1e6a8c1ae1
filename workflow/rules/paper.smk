# A published study becomes the paper, so that it can be typeset from a clone.

HAD = [ROOT / "results/published" / study for study in ("reference", "fashion", "quick")]
PUBLISHED = next((folder for folder in HAD if folder.exists()), HAD[-1])
PAPER = "results/paper"


rule paper_material:
    input:
        rows=PUBLISHED / "rows.csv",
    output:
        numbers=f"{PAPER}/numbers.tex",
    log:
        f"{PAPER}/logs/material.log",
    benchmark:
        f"{PAPER}/logs/material.tsv"
    conda:
        "../../environment.yml"
    params:
        code=registry.source_hash("workflow.scripts.paper"),
        published=file_hash("paper/published.csv"),
        histories=[word for path in PUBLISHED.glob("runs.parquet") for word in ("--histories", str(path))],
        out=subpath(output[0], parent=True),
    message:
        "writing the paper's numbers, tables and figures"
    shell:
        "python -m workflow.scripts.paper --rows {input.rows:q} {params.histories:q} --out {params.out:q} 2> {log:q}"


rule paper:
    input:
        numbers=rules.paper_material.output.numbers,
        text=ROOT / "paper/main.tex",
        references=ROOT / "paper/references.bib",
    output:
        "paper/main.pdf",
    log:
        f"{PAPER}/logs/paper.log",
    benchmark:
        f"{PAPER}/logs/paper.tsv"
    conda:
        "../../environment.yml"
    params:
        out=subpath(input.numbers, parent=True),
        bibliography=ROOT / "paper",
    message:
        "typesetting the paper"
    shell:
        "SOURCE_DATE_EPOCH=0 TEXINPUTS={params.out:q}: BIBINPUTS={params.bibliography:q}:"
        " latexmk -pdf -interaction=nonstopmode -halt-on-error -output-directory={params.out:q} {input.text:q} > {log:q} 2>&1"
        " && cp {params.out:q}/main.pdf {output:q}"
