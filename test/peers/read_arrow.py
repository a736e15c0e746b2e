"""What pyarrow makes of an Arrow IPC stream: types, rows as text, batches."""

import json
import sys

import pyarrow as pa

request = json.load(sys.stdin)
with pa.OSFile(request["file"], "rb") as source, pa.ipc.open_stream(source) as reader:
    batches = list(reader)
    table = pa.Table.from_batches(batches, reader.schema)
table.validate(full=True)


def text(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [text(item) for item in value]
    if isinstance(value, tuple):
        return [text(item) for item in value]
    if isinstance(value, dict):
        return {key: text(item) for key, item in value.items()}
    return value if value is None or isinstance(value, (bool, int)) else str(value)


json.dump(
    {
        "types": {field.name: str(field.type) for field in table.schema},
        "rows": [text(row) for row in table.slice(0, 20).to_pylist()],
        "count": table.num_rows,
        "batches": len(batches),
    },
    sys.stdout,
)
