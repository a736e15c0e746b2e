"""The events of a bronze table as pyiceberg reads them, bytes as base64.

stdin:  {"metadata"}
stdout: [{"topic", "partition", "offset", "event_id", "dataset", "source", "key", "headers": {name: base64}, "payload"}]
"""

import base64
import json
import sys

from pyiceberg.table import StaticTable


def text_of(value):
    return None if value is None else base64.b64encode(value).decode()


rows = StaticTable.from_metadata(json.load(sys.stdin)["metadata"]).scan().to_arrow().to_pylist()
events = [
    {
        "topic": row["topic"],
        "partition": row["kafka_partition"],
        "offset": row["kafka_offset"],
        "event_id": row["event_id"],
        "dataset": row["dataset"],
        "source": row["source"],
        "key": text_of(row["key"]),
        "headers": {header["key"]: text_of(header["value"]) for header in row["headers"]},
        "payload": text_of(row["payload"]),
    }
    for row in rows
]
json.dump(events, sys.stdout)
