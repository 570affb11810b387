#!/usr/bin/python3
"""The log is documented: each member and each event of a line, in mayfly-worker(8), and nothing that is gone."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same

SOURCES = {str(path.relative_to(CHECKOUT / "src")): path.read_text() for path in sorted((CHECKOUT / "src").rglob("*.c"))}
LOG = SOURCES.pop("base/log.c")
PAGE = (CHECKOUT / "man/mayfly-worker.8").read_text()


def names(pattern, *texts):
    return {name for text in texts for name in re.findall(pattern, text, re.S)}


code = SOURCES.values()
fields = names(r'LOG_(?:TEXT|NUMBER)\("([^"]+)"', *code, LOG) | names(r'add_(?:text|number)\(&?line, "([^"]+)"', LOG) | \
    names(r'"\{\\"(\w+)\\":', LOG)
# The event is the first string after the level: of LOG_EVENT, log_event and log_error.
events = names(r'\b(?:LOG_EVENT|log_event|log_error)\([^";{]*"([^"]+)"', *code)
section = PAGE.partition(".Sh LOG\n")[2].partition("\n.Sh ")[0]
check({"time", "level", "event", "request_id", "trace_id", "duration_us"} <= fields and len(fields) > 20, "the members are found", fields)
check({"request", "refused", "database_away", "client_gone"} <= events and len(events) > 12, "the events are found", events)
members = {name for line in re.findall(r"^\.It Ic (.*)$", section, re.M) for name in re.findall(r"\w+", line)}
same(members - fields, set(), "mayfly-worker(8) has no member that is not written")
same(fields - members, set(), "and each that is")
same(names(r"^\.It Cm (\w+)$", *section.splitlines()) - events, set(), "mayfly-worker(8) has no event that does not happen")
same(events - names(r"^\.It Cm (\w+)$", *section.splitlines()), set(), "and each that does")
# Memory that is out is the one end of a connection that no test brings about.
closes = [call for name, text in SOURCES.items() if name.startswith("fcgi/")
          for call in re.findall(r"(?:fcgi_abandon\(|->flaw = )([^;{]*);", text)]
reasons = names(r'"([^"]+)"', *closes) - {"there is no memory for a head"}
tried = names(r'\{"([^"]+)",\s*"(?:warn|debug)"', (CHECKOUT / "t/2070-fcgi-reasons.c").read_text())
# One is of the test itself: any owner may say why.
same(reasons, tried - {"its owner's reason"}, "each reason for which a connection is closed is seen by t/2070 in the log, and no other")
own = {"time", "level", "event", "worker"} | names(r'add_text\(line, "([^"]+)"', LOG)
twice = sorted(name for text in code for line in re.findall(r"LOG_EVENT\((.*?)\);", text, re.S)
               for name in re.findall(r'LOG_(?:TEXT|NUMBER)\("([^"]+)"', line) if name in own)
same(twice, [], "no line has a member twice")
nginx = names(r'"(\w+)":"\$', (CHECKOUT / "nginx/mayfly.conf").read_text().partition("log_format")[2])
check({"request_id", "trace_id"} <= nginx, "nginx's log has what joins it with the workers'", nginx)
done()
