#!/usr/bin/python3
"""Whatever an application answers, mayfly-prove with a scenario ends in time, says what was wrong with each request, and never crashes: bytes that
are no HTTP, redirections in circles, 10 MB where 1 KB was expected, JSON that is none, silence, and connections that are closed."""

import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import check, done, same
from scenario import Run

OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n%s"
HEAD = """# prove: acknowledges write
# prove: repeatable
PUT {{url}}/fine
HTTP 200
# prove: shows write
GET {{url}}/fine
HTTP 200
"""
# path, what the scenario says of it, what is said of the answer
WRONG = {
    "/garbage": ("HTTP 200", "no answer that can be read"),
    "/circle": ("[Options]\nlocation: true\nHTTP 200", "Maximum (10) redirects followed"),
    "/big": ("HTTP 200", "the answer is longer than 1048576 bytes"),
    "/endless": ("HTTP 200", "the answer is longer than 1048576 bytes"),
    "/html": ("HTTP 200\n[Asserts]\njsonpath \"$.a\" exists", "the body is not JSON"),
    "/deep": ("HTTP 200\n[Asserts]\njsonpath \"$.a\" exists", "the body is not JSON"),
    "/slow": ("HTTP 200\n[Asserts]\nbody matches /^(a+)+$/", "the regular expression takes too many steps"),
    "/other": ("HTTP 200\n[Captures]\na: header \"None\"", "there is nothing to capture as {{a}}"),
    "/nul": ("HTTP 200\n`x`", "the body is another one, of 3 bytes, not 1"),
    "/header": ("HTTP 200\nX-Long: a", "the header is"),
}


def answers(path):
    """Pieces of what is sent."""
    if path == "/garbage":
        yield b"\x00\xff\xfe nothing\r\n\r\n" * 3
    elif path == "/circle":
        yield b"HTTP/1.1 302 Found\r\nLocation: /circle\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    elif path == "/big":
        yield OK % (10_000_000, b"", b"x" * 10_000_000)
    elif path == "/endless":
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"y" * 65536
    elif path == "/deep":
        yield OK % (100_000, b"", b"[" * 100_000)
    elif path == "/slow":
        yield OK % (51, b"", b"a" * 50 + b"b")
    elif path == "/nul":
        yield OK % (3, b"", b"\0\xff\n")
    elif path == "/header":
        yield OK % (0, b"X-Long: " + b"h" * 60_000 + b"\r\nX-Odd: \xff\x01\r\n", b"")
    else:
        yield OK % (6, b"", b"<html>")


def serve(connection):
    try:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            path = head.split(b" ")[1].decode()
            if path == "/silent":
                time.sleep(60)
            elif path != "/closed":
                for piece in answers(path):
                    connection.sendall(piece)
    except OSError:
        pass


def accept(server):
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


def prove(folder, name, requests, *options):
    scenario = folder / f"{name}.hurl"
    scenario.write_text(HEAD + "".join(f"GET {{{{url}}}}{path}\n{said}\n" for path, said in requests))
    since = time.monotonic()
    run = Run(scenario, "--url", URL, "--users", 2, "--duration", 2, *options, timeout=100)
    return run, time.monotonic() - since


with socket.create_server(("127.0.0.1", 0), backlog=128) as listening, tempfile.TemporaryDirectory() as place:
    URL = f"http://127.0.0.1:{listening.getsockname()[1]}"
    threading.Thread(target=accept, args=(listening,), daemon=True).start()
    ran, took = prove(Path(place), "wrong", [(path, said) for path, (said, _) in WRONG.items()])
    same((ran.status, set(ran.broken())), (1, {"wrong answer"}), "nonsense is a wrong answer, and nothing else is found", ran)
    for path, (_, words) in WRONG.items():
        texts = [one["text"] for one in ran.findings if one["text"].startswith(f"GET {path} ")]
        check(texts and words in texts[0], f"{path}: {words}", texts[:1], ran)
    check(took < 40, "it ends in time", took)
    ran, took = prove(Path(place), "away", [("/silent", "HTTP 200"), ("/closed", "HTTP 200")], "--unavailable-max", "1")
    check(ran.status == 1 and set(ran.broken()) == {"unavailable too long"} and took < 40, "silence is waited for within a bound", ran, took)
done()
