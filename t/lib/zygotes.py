"""The zygotes of the workers (src/media/zygote.h) and their children."""

from pathlib import Path

from chaos import children, workers

WAITING = 2  # children that each keeps for the next file
POOLS = ("files-a", "files-b")
PROGRAMS = ("mayfly-sniff", "mayfly-thumbnail")


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def zygotes(program="", pools=POOLS):
    """Their process ids: of one program, "mayfly-sniff" or "mayfly-thumbnail", or of both."""
    names = {name[:15] for name in ((program,) if program else PROGRAMS)}
    return [child for worker in workers(*pools) for child in children(worker) if name_of(child) in names]


def is_busy(zygote):
    """Whether a child of it has a file just now."""
    return len(children(zygote)) > WAITING
