"""How pyiceberg prunes: the files it plans for a row filter, and the rows it then finds.

stdin:  {"metadata", "filters": [text]}
stdout: {"files", "scans": [{"files", "rows"}]}, the first "files" being those of the whole table
"""

import json
import sys

from pyiceberg.table import StaticTable

request = json.load(sys.stdin)
table = StaticTable.from_metadata(request["metadata"])


def scan(row_filter):
    planned = table.scan(row_filter=row_filter)
    return {"files": len(list(planned.plan_files())), "rows": planned.to_arrow().num_rows}


json.dump(
    {"files": len(list(table.scan().plan_files())), "scans": [scan(each) for each in request["filters"]]},
    sys.stdout,
)
