"""The founding document's Python consumer, for comparison: json.loads of each record, year/month/day from strptime,
pa.Table.from_pylist, pyarrow's write_to_dataset (snappy), commit of the offset after the write. Kafka is replaced by a file of
newline-delimited JSON, read in batches: cheaper than a broker, so the comparison leans in its favour.

usage: founding-consumer.py EVENTS.ndjson OUT_DIR BATCH_ROWS
"""
import json
import os
import sys
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.parquet as pq

source, out_dir, batch_rows = sys.argv[1], sys.argv[2], int(sys.argv[3])


def write(lines):
    records = [json.loads(line) for line in lines]
    for record in records:
        seconds = datetime.strptime(record["order_purchase_timestamp"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
        moment = datetime.fromtimestamp(seconds, tz=timezone.utc)
        record["year"], record["month"], record["day"] = moment.year, moment.month, moment.day
    table = pa.Table.from_pylist(records)
    pq.write_to_dataset(
        table,
        root_path=out_dir,
        partition_cols=["year", "month", "day"],
        compression="snappy",
        basename_template=f"part-{os.urandom(8).hex()}-{{i}}.parquet",
    )
    return len(records)


rows = 0
batch = []
with open(source, "rb") as events:
    for line in events:
        batch.append(line)
        if len(batch) == batch_rows:
            rows += write(batch)
            batch = []
if batch:
    rows += write(batch)
with open(os.path.join(out_dir, "_offset"), "w") as offset:
    offset.write(str(rows))
    offset.flush()
    os.fsync(offset.fileno())
print(json.dumps({"rows": rows, "pyarrow": pa.__version__}))
