# One's own rows beside the published ones of the same study: `snakemake compare --configfile config/<study>.yaml`.


rule compare:
    input:
        own=rules.gather.output.rows,
        published=published_rows,
    output:
        report(
            expand(f"{RESULTS}/compare.{{suffix}}", suffix=["csv", "md", "html"]),
            category="Compare",
            caption="../report/compare.rst",
        ),
    log:
        f"{RESULTS}/logs/compare.log",
    benchmark:
        f"{RESULTS}/logs/compare.tsv"
    conda:
        "../../environment.yml"
    params:
        code=source_hash("workflow.scripts.compare"),
    message:
        "comparing the rows with the published ones"
    shell:
        "python -m workflow.scripts.compare --own {input.own:q} --published {input.published:q} --out {output:q}"
        " 2> {log:q}"
