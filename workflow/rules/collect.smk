# Several finished studies become one: `studies: [...]` in a config. Nothing is trained.


def finished(study):
    """The rows of a study: its own, or else the published ones."""
    places = [Path("results") / study, ROOT / "results/published" / study]
    for place in places:
        if (place / "rows.csv").is_file():
            return place / "rows.csv"
    there = sorted({path.parent.name for place in places for path in place.parent.glob("*/rows.csv")} - {STUDY.study})
    raise WorkflowError(
        f"studies: {study!r} has no rows.csv in {places[0]} or {places[1]}; finished are: {', '.join(there) or 'none'}"
    )


OF_STUDIES = [finished(study) for study in STUDY.studies]


rule gather:
    input:
        rows=OF_STUDIES,
        histories=[path.with_name("runs.parquet") for path in OF_STUDIES],
        correct=[path for path in (rows.with_name("correct.parquet") for rows in OF_STUDIES) if path.is_file()],
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
        code=source_hash("workflow.scripts.collect"),
        name=STUDY.study,
    message:
        "collecting the rows of {params.name}"
    shell:
        "python -m workflow.scripts.collect --name {params.name:q} --rows {input.rows:q} --out {output.rows:q}"
        " 2> {log:q}"
