# Espalier: config/<study>.yaml -> results/<study>/.
#
# results/<study>/runs/<dataset>/<network>/<method>@<target>/   what a cell's training left
# results/<study>/rows.csv, tables/, figures/                   what people come for
# data/<dataset>.safetensors                                    prepared once for all studies
# DESIGN in one line: methods <- benchmarks <- workflow -> results -> paper.

from snakemake.utils import min_version

min_version("9.27")


if "study" not in config:

    configfile: "config/quick.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"


if IS_COLLECTION:

    include: "workflow/rules/collect.smk"

else:

    include: "workflow/rules/data.smk"
    include: "workflow/rules/learn.smk"
    include: "workflow/rules/measure.smk"
    include: "workflow/rules/gather.smk"
    include: "workflow/rules/plan.smk"


include: "workflow/rules/report.smk"
include: "workflow/rules/paper.smk"


rule all:
    default_target: True
    input:
        rules.tables.output,
        rules.figures.output,
        rules.page.output,
