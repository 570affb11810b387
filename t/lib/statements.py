"""Statements of sql/query as workers send them."""

import re

from mayfly import CHECKOUT


def _read():
    """Lists of columns and statements, by name, without their comments."""
    columns, statements = {}, []
    for path in sorted((CHECKOUT / "sql/query").glob("*.sql")):
        content = path.read_text()
        tables = [dict(pair.split("=") for pair in row.split()) for row in re.findall(r"^-- for: (.*)$", content, re.M)] or [{}]
        parts = re.split(r"^-- (name|columns): (\S+)(?: \(.*\))?\n", content, flags=re.M)
        for kind, name, text in zip(parts[1::3], parts[2::3], parts[3::3]):
            text = re.sub(r"^--.*\n", "", text, flags=re.M).strip().rstrip(";")
            if kind == "columns":
                columns[name] = text.splitlines()
                continue
            for words in tables:
                statements.append(tuple(_fill(one, words) for one in (name, text)))
    return columns, statements


def _fill(text, words):
    """What a line "-- for:" makes of it."""
    return re.sub(r"\{(\w+)\}", lambda word: words.get(word[1], word[0]), text)


COLUMNS, AS_WRITTEN = _read()
# In their order, and with a name for each.
STATEMENTS = [(name, re.sub(r"\{([a-z_]+)\}", lambda word: ", ".join(COLUMNS[word[1]]), text)) for name, text in AS_WRITTEN]


def statement(name):
    return dict(STATEMENTS)[name]


def parameters(text):
    """How many a statement has."""
    return max([int(number) for number in re.findall(r"\$(\d+)", text)] or [0])
