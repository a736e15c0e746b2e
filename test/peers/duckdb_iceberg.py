"""Answers one statement over the tables as DuckDB's own Iceberg extension reads them.

stdin:  {"tables": [{"name", "metadata", "snapshotId": text or null}], "sql"}
stdout: [row], or null where the extension does not exist for this platform
"""

import importlib.util
import json
import sys
from pathlib import Path


def extension_file(name):
    """The wheels only carry the files: they are found without importing the packages."""
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    if package is None:
        return None
    return next(Path(package.submodule_search_locations[0]).rglob(f"{name}.duckdb_extension"))


def main(request):
    files = [extension_file(name) for name in ("avro", "iceberg")]
    if None in files:
        return None
    import duckdb

    # Nothing is fetched, and DuckDB loads only what its makers have signed.
    own = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "allow_unsigned_extensions": "false"}
    with duckdb.connect(config=own) as connection:
        for file in files:
            connection.execute(f"LOAD '{file}'")
        for table in request["tables"]:
            snapshot = table.get("snapshotId")
            at = f", snapshot_from_id => {int(snapshot)}" if snapshot else ""
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {table['name'].split('.')[0]}")
            connection.execute(f"CREATE VIEW {table['name']} AS FROM iceberg_scan('{table['metadata']}'{at})")
        return connection.execute(request["sql"]).fetchall()


json.dump(main(json.load(sys.stdin)), sys.stdout)
