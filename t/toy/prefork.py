#!/usr/bin/python3
"""
A server that is reloaded and whose workers may die, as gunicorn's or php-fpm's: a master with its number in a file, and two workers that
share its socket and keep what they are given in a folder.

  prefork.py FOLDER    listens on 127.0.0.1:$PORT; FOLDER/pid is the pid file

HUP replaces the workers, each when its request is over; a worker that ends is replaced at once. While FOLDER/away is there, 503.
"""

import http.server
import os
import select
import signal
import socketserver
import sys
from pathlib import Path

FOLDER = Path(sys.argv[1])
WORKERS = 2


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Served-By", f"prefork/{os.getpid()}")
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if (FOLDER / "away").exists():
            return self.answer(503)
        path = FOLDER / f"note-{self.path.rpartition('/')[2]}"
        path.with_suffix(f".{os.getpid()}").write_bytes(body)
        path.with_suffix(f".{os.getpid()}").replace(path)
        return self.answer(204)

    def do_GET(self):
        path = FOLDER / f"note-{self.path.rpartition('/')[2]}"
        if (FOLDER / "away").exists():
            return self.answer(503)
        return self.answer(200, path.read_bytes()) if path.exists() else self.answer(404)


def work(server):
    ends = []
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: ends.append(1))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP, signal.SIGCHLD, signal.SIGTERM})
    while not ends:
        if select.select([server.socket], [], [], 0.05)[0]:
            server.handle_request()
    os._exit(0)


def start(server):
    pid = os.fork()
    if pid == 0:
        work(server)
    return pid


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGCHLD, signal.SIGTERM})
    server = socketserver.TCPServer(("127.0.0.1", int(os.environ["PORT"])), Handler, bind_and_activate=False)
    server.allow_reuse_address, server.request_queue_size, server.timeout = True, 256, 0
    server.server_bind()
    server.server_activate()
    server.socket.setblocking(False)
    workers = [start(server) for _ in range(WORKERS)]
    (FOLDER / "pid").write_text(f"{os.getpid()}\n")
    while (number := signal.sigwait({signal.SIGHUP, signal.SIGCHLD, signal.SIGTERM})) != signal.SIGTERM:
        if number == signal.SIGHUP:
            old, workers = workers, [start(server) for _ in range(WORKERS)]
            for pid in old:
                os.kill(pid, signal.SIGTERM)
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            if pid in workers:
                workers[workers.index(pid)] = start(server)
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


main()
