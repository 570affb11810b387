"""A client of FastCGI, for php-fpm: one request on a connection of its own."""

import socket
import struct


def ask(path, params, body=b"", timeout=60):
    """(status, headers, body) of what the process behind a unix socket answers. OSError when it is gone."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        named = b"".join(_pair(name.encode(), str(value).encode()) for name, value in params.items())
        connection.sendall(_record(1, struct.pack("!HB5x", 1, 0)) + _record(4, named) + _record(4, b"") +
                           (_record(5, body) if body else b"") + _record(5, b""))
        with connection.makefile("rb") as stream:
            return _read(stream)


def _record(kind, content):
    return struct.pack("!BBHHBx", 1, kind, 1, len(content), 0) + content


def _pair(name, value):
    return b"".join(bytes([len(one)]) if len(one) < 128 else struct.pack("!I", len(one) | 0x80000000) for one in (name, value)) + name + value


def _read(stream):
    out = b""
    while True:
        head = stream.read(8)
        if len(head) < 8:
            raise ConnectionError("the answer was cut off")
        _, kind, _, length, padding = struct.unpack("!BBHHBx", head)
        content = stream.read(length + padding)[:length]
        if kind == 6:
            out += content
        if kind == 3:
            break
    head, _, rest = out.partition(b"\r\n\r\n")
    fields = [line.partition(": ")[::2] for line in head.decode().split("\r\n")]
    status = next((int(value.split()[0]) for name, value in fields if name == "Status"), 200)
    return status, fields, rest
