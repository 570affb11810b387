"""CPU of a stack's processes, for ./dev bench: on a shared machine it says more than rates."""

import os

TICKS = os.sysconf("SC_CLK_TCK")


def _is_ours(scratch, pid, parent):
    """Children of nginx and PostgreSQL have titles without a path, their parents name the scratch folder."""
    return any(scratch in open(f"/proc/{number}/cmdline").read() for number in (pid, parent) if number != "0")


def cpu_seconds(scratch):
    """CPU that the stack's processes have used so far, by kind."""
    total = {"nginx": 0, "worker": 0, "memcached": 0, "postgres": 0}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{pid}/stat").read()
            fields = stat[stat.rindex(")") + 2:].split()
            name = stat[stat.index("(") + 1:stat.rindex(")")]
            kind = {"mayfly-worker": "worker", "multiwatch": "worker"}.get(name, name)
            ours = kind in total and _is_ours(scratch, pid, fields[1])
        except OSError:
            continue
        if ours:
            # Workers that were recycled have left their time with multiwatch, backends theirs with the postmaster.
            total[kind] += sum(map(int, fields[11:15])) / TICKS
    return total
