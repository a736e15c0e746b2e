"""Whether manifest lists and manifests are what the Iceberg specification asks, read with fastavro: a reader that knows no Iceberg.

stdin:  [{"name", "metadata"}]
stdout: {name: {"manifests", "liveFiles", "rows", "faults": [text]}}, of the current snapshot
"""

import json
import os
import sys

import fastavro

ADDED, DELETED = 1, 2
# https://iceberg.apache.org/spec/#manifests: the field ids by which readers find the fields, whatever their names.
ENTRY_IDS = {"status": 0, "snapshot_id": 1, "sequence_number": 3, "file_sequence_number": 4, "data_file": 2}
FILE_IDS = {"content": 134, "file_path": 100, "file_format": 101, "partition": 102, "record_count": 103, "file_size_in_bytes": 104}
LIST_IDS = {
    "manifest_path": 500, "manifest_length": 501, "partition_spec_id": 502, "content": 517, "sequence_number": 515,
    "min_sequence_number": 516, "added_snapshot_id": 503, "added_files_count": 504, "existing_files_count": 505,
    "deleted_files_count": 506, "added_rows_count": 512, "existing_rows_count": 513, "deleted_rows_count": 514,
}  # fmt: skip


def read(path):
    with open(path.removeprefix("file://"), "rb") as stream:
        reader = fastavro.reader(stream)
        return reader.metadata, reader.writer_schema, list(reader)


def ids_of(record):
    return {field["name"]: field.get("field-id") for field in record["fields"]}


def without_docs(schema):
    return [{key: value for key, value in field.items() if key != "doc"} for field in schema["fields"]]


def check_manifest(listed, metadata, expect):
    header, schema, entries = read(listed["manifest_path"])
    path = listed["manifest_path"]
    expect(path, "length", listed["manifest_length"], os.path.getsize(path.removeprefix("file://")))
    expect(path, "format-version", header["format-version"], "2")
    expect(path, "content", header["content"], "data")
    expect(path, "partition-spec-id", int(header["partition-spec-id"]), listed["partition_spec_id"])
    spec = next(each for each in metadata["partition-specs"] if each["spec-id"] == listed["partition_spec_id"])
    expect(path, "partition-spec", json.loads(header["partition-spec"]), spec["fields"])
    written = json.loads(header["schema"])
    known = next(each for each in metadata["schemas"] if each["schema-id"] == written["schema-id"])
    expect(path, "schema", without_docs(written), without_docs(known))
    ids = ids_of(schema)
    expect(path, "entry field ids", {name: ids.get(name) for name in ENTRY_IDS}, ENTRY_IDS)
    data_file = next(field for field in schema["fields"] if field["name"] == "data_file")["type"]
    ids = ids_of(data_file)
    expect(path, "data file field ids", {name: ids.get(name) for name in FILE_IDS}, FILE_IDS)
    partition = next(field for field in data_file["fields"] if field["name"] == "partition")["type"]
    expect(path, "partition field ids", list(ids_of(partition).values()), [field["field-id"] for field in spec["fields"]])

    for status, name in enumerate(("existing", "added", "deleted")):
        of_status = [entry for entry in entries if entry["status"] == status]
        expect(path, f"{name} files", listed[f"{name}_files_count"], len(of_status))
        expect(path, f"{name} rows", listed[f"{name}_rows_count"], sum(entry["data_file"]["record_count"] for entry in of_status))
    for entry in entries:
        # Null means inherited from the manifest list, which only added files may do.
        inherits = entry["sequence_number"] is None or entry["file_sequence_number"] is None or entry["snapshot_id"] is None
        expect(path, "inherits and is not added", inherits and entry["status"] != ADDED, False)
        number = listed["sequence_number"] if entry["sequence_number"] is None else entry["sequence_number"]
        live = entry["status"] != DELETED
        expect(path, "sequence number below the minimum", live and number < listed["min_sequence_number"], False)
    return [entry["data_file"] for entry in entries if entry["status"] != DELETED]


def check_table(location):
    with open(location.removeprefix("file://"), encoding="utf-8") as stream:
        metadata = json.load(stream)
    faults = []

    def expect(path, fact, said, is_so):
        if said != is_so:
            faults.append(f"{path}: {fact}: says {said!r}, is {is_so!r}")

    snapshot = next(each for each in metadata["snapshots"] if each["snapshot-id"] == metadata["current-snapshot-id"])
    _, schema, manifests = read(snapshot["manifest-list"])
    ids = ids_of(schema)
    expect(snapshot["manifest-list"], "field ids", {name: ids.get(name) for name in LIST_IDS}, LIST_IDS)
    live = [file for listed in manifests for file in check_manifest(listed, metadata, expect)]
    expect(location, "a file twice", len({file["file_path"] for file in live}), len(live))
    return {
        "manifests": len(manifests),
        "liveFiles": len(live),
        "rows": sum(file["record_count"] for file in live),
        "faults": faults,
    }


json.dump({request["name"]: check_table(request["metadata"]) for request in json.load(sys.stdin)}, sys.stdout)
