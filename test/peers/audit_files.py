"""Whether what the manifests say of each data file is so: sizes, counts, bounds, partition, field ids. The files are read with pyarrow.

stdin:  [{"name", "metadata"}]
stdout: {name: {"files", "bounds", "partitions": {field: count}, "faults": [text]}}, "bounds" being how many were compared, "partitions"
        how many files have a value of each partition field
"""

import json
import os
import sys
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.conversions import from_bytes
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import StaticTable
from pyiceberg.types import PrimitiveType


def comparable(column):
    """Values in the form in which pyiceberg decodes bounds: instants and days as numbers."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    elif pa.types.is_date(column.type):
        column = column.cast(pa.int32())
    return column.to_pylist()


def id_tree(field):
    """A field's id (None where there is none) and the trees of the fields inside it."""
    own = (field.metadata or {}).get(b"PARQUET:field_id")
    if pa.types.is_list(field.type) or pa.types.is_large_list(field.type):
        inside = [field.type.value_field]
    else:
        inside = list(field.type) if pa.types.is_struct(field.type) else []
    return (int(own) if own else None, [id_tree(each) for each in inside])


def leaf_ids(tree):
    own, inside = tree
    return [leaf for each in inside for leaf in leaf_ids(each)] if inside else [own]


def audit(file, schema, specs, faults):
    def expect(fact, said, is_so):
        if said != is_so:
            faults.append(f"{file.file_path}: {fact}: the manifest says {said!r}, the file {is_so!r}")

    path = file.file_path.removeprefix("file://")
    expect("file_size_in_bytes", file.file_size_in_bytes, os.path.getsize(path))
    parquet = pq.ParquetFile(path)
    expect("record_count", file.record_count, parquet.metadata.num_rows)
    stored = [id_tree(field) for field in parquet.schema_arrow]
    own_ids = {field_id for field_id, _ in stored}
    fields = [field for field in schema.fields if field.field_id in own_ids]
    # A file may lack only columns that came after it, and says nothing of them.
    for field in schema.fields:
        if field.field_id not in own_ids:
            expect(f"{field.name}, which it lacks,", (field.required, (file.value_counts or {}).get(field.field_id)), (False, None))
    for field in schema_to_pyarrow(schema):
        tree = id_tree(field)
        if tree[0] not in own_ids:
            continue
        expect(f"field ids of {field.name}", tree, next((each for each in stored if each[0] == tree[0]), None))
    sizes = {}
    for row_group in (parquet.metadata.row_group(n) for n in range(parquet.metadata.num_row_groups)):
        # A file's column chunks are its leaves, in their order.
        for n, field_id in enumerate(leaf for tree in stored for leaf in leaf_ids(tree)):
            sizes[field_id] = sizes.get(field_id, 0) + row_group.column(n).total_compressed_size
    for field_id, size in (file.column_sizes or {}).items():
        expect(f"column_sizes of field {field_id}", size, sizes.get(field_id))

    bounds = 0
    rows = parquet.read()
    for field in fields:
        if not isinstance(field.field_type, PrimitiveType):
            continue
        values = comparable(rows.column(field.name))
        present = [value for value in values if value is not None]
        if file.value_counts is not None:
            expect(f"value_counts of {field.name}", file.value_counts.get(field.field_id), len(values))
        if file.null_value_counts is not None:
            expect(f"null_value_counts of {field.name}", file.null_value_counts.get(field.field_id), len(values) - len(present))
        for which, all_bounds, holds in (
            ("lower", file.lower_bounds, lambda bound, value: bound <= value),
            ("upper", file.upper_bounds, lambda bound, value: bound >= value),
        ):
            raw = (all_bounds or {}).get(field.field_id)
            if raw is None:
                continue
            bound = from_bytes(field.field_type, raw)
            bounds += 1
            if not all(holds(bound, value) for value in present):
                faults.append(f"{file.file_path}: {which} bound {bound!r} of {field.name} does not hold")

    for position, partition in enumerate(specs[file.spec_id].fields):
        source = schema.find_field(partition.source_id)
        transform = partition.transform.transform(source.field_type)
        said = file.partition[position]
        is_so = {transform(value) for value in comparable(rows.column(source.name))}
        expect(f"partition {partition.name}", {said}, is_so)
    return bounds


def audit_table(metadata):
    table = StaticTable.from_metadata(metadata)
    files = [task.file for task in table.scan().plan_files()]
    faults = []
    bounds = sum(audit(file, table.schema(), table.specs(), faults) for file in files)
    partitions = Counter(field.name for file in files for field in table.specs()[file.spec_id].fields)
    summary = table.current_snapshot().summary
    for key, is_so in (
        ("total-records", sum(file.record_count for file in files)),
        ("total-data-files", len(files)),
        ("total-files-size", sum(file.file_size_in_bytes for file in files)),
    ):
        if summary[key] != str(is_so):
            faults.append(f"snapshot summary {key}: says {summary[key]}, is {is_so}")
    return {"files": len(files), "bounds": bounds, "partitions": partitions, "faults": faults}


json.dump({request["name"]: audit_table(request["metadata"]) for request in json.load(sys.stdin)}, sys.stdout)
