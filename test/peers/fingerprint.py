"""What pyiceberg reads of a table at a snapshot, in the same texts as table-fingerprint.ts asks of Keystone.

stdin:  [{"name", "metadata", "snapshotId": text or null}]
stdout: {name: {"rows", "columns": {column: {"values", "digest", "sum"?}}, "digest"}}
"""

import hashlib
import json
import sys

import pyarrow as pa
from pyiceberg.table import StaticTable

NULL, FIELD, ITEM = "\x01", "\x1f", "\x1e"


def text_of(value, type_):
    if value is None:
        return None
    if pa.types.is_decimal(type_):
        return format(value, "f")
    if pa.types.is_floating(type_):
        return "%.17g" % value
    if pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        return value.hex().upper()
    if pa.types.is_boolean(type_):
        return "true" if value else "false"
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return ITEM.join(text_of(item, type_.value_type) for item in value)
    if pa.types.is_struct(type_):
        return "=".join(text_of(value[field.name], field.type) for field in type_)
    return str(value)


def texts_of(column):
    # Instants and days as numbers: text forms of them differ between programs.
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    return [text_of(value, column.type) for value in column.to_pylist()]


def digest_of(texts):
    ordered = sorted(texts)
    return hashlib.md5("\n".join(ordered).encode()).hexdigest() if ordered else None


def fingerprint(request):
    table = StaticTable.from_metadata(request["metadata"])
    snapshot = request.get("snapshotId")
    rows = table.scan(snapshot_id=int(snapshot) if snapshot else None).to_arrow()
    columns, texts = {}, []
    for name, column in zip(rows.column_names, rows.columns):
        texts.append(texts_of(column))
        present = [text for text in texts[-1] if text is not None]
        columns[name] = {"values": len(present), "digest": digest_of(present)}
        if pa.types.is_decimal(column.type):
            numbers = [value for value in column.to_pylist() if value is not None]
            columns[name]["sum"] = format(sum(numbers), "f") if numbers else None
    whole = [FIELD.join(NULL if text is None else text for text in row) for row in zip(*texts)]
    return {"rows": rows.num_rows, "columns": columns, "digest": digest_of(whole)}


json.dump({request["name"]: fingerprint(request) for request in json.load(sys.stdin)}, sys.stdout)
