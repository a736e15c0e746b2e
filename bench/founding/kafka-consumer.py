"""The founding document's Python consumer, for comparison: confluent-kafka in the group lakehouse-enterprise-writers from the earliest
offset without auto commit, json.loads of each record, year/month/day from strptime, pa.Table.from_pylist, pyarrow's write_to_dataset
(snappy), commit after the write. It ends when it has read TOTAL events; the document's loops for ever. A batch is as large as
BATCH_ROWS, which spares it small files. Written from the document's description of it.

usage: kafka-consumer.py BROKERS TOPIC GROUP OUT_DIR BATCH_ROWS TOTAL
"""
import json
import os
import sys
from datetime import datetime, timezone

import confluent_kafka
import pyarrow as pa
import pyarrow.parquet as pq

brokers, topic, group, out_dir, batch_rows, total = *sys.argv[1:5], int(sys.argv[5]), int(sys.argv[6])

consumer = confluent_kafka.Consumer(
    {"bootstrap.servers": brokers, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
)
consumer.subscribe([topic])


def write(messages):
    records = [json.loads(message.value()) for message in messages]
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
silent = 0
while rows < total:
    messages = consumer.consume(num_messages=min(batch_rows, total - rows), timeout=10.0)
    for message in messages:
        if message.error():
            sys.exit(f"{topic}: {message.error()}")
    silent = 0 if messages else silent + 1
    if silent == 6:
        sys.exit(f"{topic} gave {rows} of {total} events and then nothing for a minute")
    if not messages:
        continue
    rows += write(messages)
    consumer.commit(asynchronous=False)
consumer.close()
librdkafka = confluent_kafka.libversion()[0]
print(json.dumps({"rows": rows, "pyarrow": pa.__version__, "confluent-kafka": confluent_kafka.__version__, "librdkafka": librdkafka}))
