"""Whether somebody waits for longer beside an attack than in peace; t/5990 measures, t/5985 judges the judge."""

import statistics

TIMES, FLOOR_MS = 3, 5
SLOWEST_S = 5  # of any request: a kill of all workers, and what waits behind it


def p99_ms(took):
    return sorted(took)[min(len(took) - 1, int(len(took) * 0.99))] * 1000


class Verdict:
    """
    Of samples, (when it was due, how long it took, …), and of windows, (whether it is war, from, to). The p99 of each window is one
    value, and the median of those of war is compared with the median of those of peace: neither a window in which the machine had
    something else to do nor a slow drift of it decides. A p99 in peace below FLOOR_MS counts as FLOOR_MS: on two processors that is one
    turn of another process.
    """

    def __init__(self, samples, windows):
        by_window = [(war, [took for due, took, *_ in samples if first <= due < last]) for war, first, last in windows]
        self.pooled = {kind: [one for war, took in by_window for one in took if war == kind] for kind in (False, True)}
        self.p99s = {kind: [p99_ms(took) for war, took in by_window if war == kind] for kind in (False, True)}
        self.peace_ms, self.war_ms = (statistics.median(self.p99s[kind]) for kind in (False, True))
        self.bound_ms = TIMES * max(self.peace_ms, FLOOR_MS)
        self.slowest_s = max(took for _, took, *_ in samples)

    def as_in_peace(self):
        return self.war_ms <= self.bound_ms

    def nobody_waits_for_long(self):
        return self.slowest_s < SLOWEST_S
