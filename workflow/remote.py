"""A job on a cluster is a Snakemake of its own, whose command line names the rule to run and its wildcards."""

from __future__ import annotations

import re
import sys
from typing import Any

WILDCARD = re.compile(r'(\w+)=("[^"]*"|[^,]*)')


def wildcards(argument: str) -> dict[str, str]:
    """Of `rule:name=value,name="with, commas"`."""
    return {name: value.strip('"') for name, value in WILDCARD.findall(argument.partition(":")[2])}


def keep_commas(workflow: Any) -> None:
    """Snakemake quotes values that hold a comma, as those of a method with knobs do, and then splits them all the same
    (its issue 2366): they are read anew from the command line, before the first job is looked for.
    """
    look_up = workflow.get_rule

    def get_rule(name: str) -> Any:
        jobs = workflow.dag_settings.target_jobs
        arguments = sys.argv[sys.argv.index("--target-jobs") + 1 :]
        for (_, wrong), right in zip(jobs, arguments, strict=False):
            wrong.clear()
            wrong.update(wildcards(right))
        workflow.get_rule = look_up
        return look_up(name)

    if "--target-jobs" in sys.argv:
        workflow.get_rule = get_rule
