"""Reads a page of metrics with Prometheus's own client for Python: families with their kinds and samples."""
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

request = json.load(sys.stdin)
families = [
    {
        "name": family.name,
        "type": family.type,
        "help": family.documentation,
        "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in family.samples],
    }
    for family in text_string_to_metric_families(request["page"])
]
json.dump(families, sys.stdout)
