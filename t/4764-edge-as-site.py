#!/usr/bin/python3
"""The server in front of several hosts (nginx/edge.conf) speaks the TLS of nginx/site.conf, which t/4530 tries, and says the same with
every answer of its own."""

import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, done, same

TLS = ("ssl_protocols", "ssl_conf_command", "ssl_ciphers", "ssl_session_tickets", "ssl_early_data")


def blocks(text, kind):
    """(what stands before the brace, the block's own text) of each block of this kind, those within others too."""
    found = []
    for start in re.finditer(rf"^[ ]*({kind}\b[^{{;#\n]*){{", text, re.M):
        depth, end = 1, start.end()
        while depth > 0:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        found.append((start.group(1).strip(), text[start.end():end - 1]))
    return found


def read(name):
    """Without remarks and quoted text, in which braces may stand."""
    text = (CHECKOUT / "nginx" / name).read_text()
    return re.sub(r"'[^']*'|\"[^\"]*\"|^\s*#.*$", lambda found: re.sub(r"[{}]", "", found[0]), text, flags=re.M)


def directive(text, name):
    """What a block says itself."""
    own = re.sub(r"\blocation\b[^{]*{(?:[^{}]|{[^{}]*})*}", "", text)
    return [" ".join(value.split()) for value in re.findall(rf"^\s*{name}\s+([^;]+);", own, re.M)]


site, edge = (dict(zip(("default", "plain", "secure"), (text for _, text in blocks(read(name), "server")))) for name in ("site.conf", "edge.conf"))
for server in ("default", "secure"):
    same({name: directive(edge[server], name) for name in TLS}, {name: directive(site[server], name) for name in TLS},
         f"the {server} server of the edge has the protocols, ciphers and tickets of the site's")
    check(all(directive(site[server], name) for name in TLS), "and the site's are all there")
for server in ("default", "plain", "secure"):
    same(directive(edge[server], "server_tokens"), ["off"], f"the {server} server tells no version")
same(directive(edge["default"], "ssl_reject_handshake"), ["on"], "another name has no certificate")
same([value.split()[0] for value in directive(edge["secure"], "add_header")],
     ["Strict-Transport-Security", "X-Content-Type-Options", "Content-Security-Policy", "X-Request-Id"], "each answer is dressed")
for place, text in blocks(edge["secure"], "location") + blocks(edge["secure"], "if"):
    headers = directive(text, "add_header")
    check(not headers or {"Strict-Transport-Security $mayfly_edge_hsts always", "X-Content-Type-Options nosniff always"} <= set(headers),
          f"{place} adds headers, so it repeats the server's", headers)
ages = [re.search(r'^\s*on\s+"max-age=(\d+)"', text, re.M) for text in ((CHECKOUT / "nginx/edge.conf").read_text(), (CHECKOUT / "nginx/mayfly-host.conf").read_text())]
check(all(ages) and len({age[1] for age in ages}) == 1 and int(ages[0][1]) >= 31536000, "both ask for TLS for as long", ages)
done()
