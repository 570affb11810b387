#!/usr/bin/python3
"""An error's text speaks of the client's request: it names no function, statement, table or code."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same

# Their detail is for the log; clients read problem.c's own words.
INTERNAL = {"DOWN", "BUG"}
CALL = re.compile(r"\berr_(?:set|field)\(\s*[&\w>.-]+,\s*ERR_([A-Z]+),\s*(.*?)\);", re.S)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
NAME = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b|\(\)|\b[A-Z]{2}[0-9]{3}\b|\berrno\b|\bNULL\b|\b(?:PQ|curl_|SELECT|INSERT|pg_)\w*")
# What the documentation calls so: settings and members of requests.
KNOWN = set(re.findall(r"^(?:TEXT|FLAG|NUMBER)\((\w+)", (CHECKOUT / "src/base/settings.def").read_text(), re.M)) | {"expires_in", "end_others"}


def texts():
    for path in sorted((CHECKOUT / "src").glob("*/*.c")):
        if path.parent.name == "bin":
            continue
        for kind, arguments in CALL.findall(path.read_text()):
            if kind not in INTERNAL:
                for text in STRING.findall(re.sub(r'"\s*"', "", arguments)):
                    yield path.relative_to(CHECKOUT), text


found = list(texts())
check(len(found) > 150, "the texts are found", len(found))
for path, text in found:
    names = [name for name in NAME.findall(text) if name not in KNOWN]
    if names:
        same(names, [], f"{path}: {text!r} has words only")
source = (CHECKOUT / "src/db/db_connection.c").read_text()
check("is_internal = true" in source, "what PostgreSQL says is for the log")
done()
