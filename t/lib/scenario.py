"""mayfly-prove with a scenario: a run and its report, and the article's program (t/toy/article.py)."""

import json
import os
import shlex
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from chaos import INST
from mayfly import CHECKOUT

PROGRAM = INST / "bin/mayfly-prove"
ARTICLE = CHECKOUT / "t/toy/article.py"
SCENARIO = CHECKOUT / "t/toy/article.hurl"
COPIES = ["copies replaced one by one", "one copy killed", "one copy stopped", "all copies killed at once", "all copies restarted"]


class Run:
    def __init__(self, *options, env=None, during=None, timeout=300):
        with tempfile.TemporaryDirectory() as folder:
            json_path, html_path = Path(folder) / "report.json", Path(folder) / "report.html"
            process = subprocess.Popen([PROGRAM, *map(str, options), "--json", json_path, "--html", html_path], stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})})
            if during is not None:
                during(process)
            self.out, self.err = process.communicate(timeout=timeout)
            self.status = process.returncode
            text = json_path.read_text() if json_path.exists() else ""
            self.html = html_path.read_text() if html_path.exists() else ""
        self.report = json.loads(text) if text else {}
        self.events = {event["name"]: event for event in self.report.get("events", [])}
        self.findings = self.report.get("findings", [])

    def broken(self):
        """How often each promise was, by its name."""
        return {name: one["count"] for name, one in self.report.get("broken", {"no report": {"count": 1}}).items()}

    def of(self, kind):
        return [one for one in self.findings if one["kind"] == kind]

    def __repr__(self):
        return f"exit {self.status}\n{self.out}\n{self.err}"


def article_command(form, place):
    return shlex.join(["/usr/bin/python3", str(ARTICLE), form, str(place)])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(port, process):
    """Until it accepts connections."""
    for _ in range(1200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args} has ended") from None
            time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not listen")


@contextmanager
def served(command, **env):
    """Its address, of one process that listens on $PORT."""
    port = free_port()
    process = subprocess.Popen(command, env={**os.environ, **env, "PORT": str(port)}, stdout=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def redis():
    """The socket of a Redis that keeps nothing on a disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/redis"
        process = subprocess.Popen(["redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--dir", folder],
                                   stdout=subprocess.DEVNULL)
        try:
            while not os.path.exists(path):
                if process.poll() is not None:
                    raise RuntimeError("redis-server has ended")
                time.sleep(0.02)
            yield path
        finally:
            process.kill()
            process.wait()
