"""An nginx of a test's own, with the shipped files around this stack's workers: a host that also speaks HTTP/2, and an edge server
in front of it."""

import contextlib
import re
import shutil
import socket
import struct
import subprocess
import time

import mayfly
from mayfly import CHECKOUT, SCRATCH, Headers

HOST = "example.org"
DIRECT = "127.0.0.9"  # where clients of the host come from: 127.0.0.1 is the edge
KEPT = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")

# Of HTTP/2 (RFC 9113).
DATA, HEADERS, SETTINGS, WINDOW_UPDATE = 0, 1, 4, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4


def _frame(kind, payload=b"", flags=0, stream=0):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _status(block):
    """The first field of an answer, as nginx writes it (RFC 7541): by its place in the static table, or in three digits."""
    block = block.lstrip(bytes(range(0x20, 0x40)))  # perhaps another size of the table
    return {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}.get(block[0] & 0x7F) if block[0] & 0x80 else int(block[2:5])


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def take_files(folder):
    """What the stack's nginx is made of, for another one beside it, whose own socket is in the folder."""
    for name in ("conf.d", "snippets", "main.d"):
        shutil.copytree(SCRATCH / "etc" / name, folder / name)
    inner = folder / "conf.d/mayfly-inner.conf"
    inner.write_text(inner.read_text().replace(f"{SCRATCH}/run/gate.sock", f"{folder}/gate.sock"))


def _edge(folder, http1, http2, plain, host):
    """Without TLS, which t/4530 and t/4764 look at, and without the server of other names."""
    shipped = (CHECKOUT / "nginx/edge.conf").read_text()
    first, *_, port80, port443 = re.split(r"(?m)^(?=server \{)", shipped)
    text = first + port80.replace("listen 80;", f"listen 127.0.0.1:{plain};") + port443
    for pattern, put in ((r"(?m)^ *(?:listen \[::\]|ssl_).*\n", ""), (r"server 192\.0\.2\.21:80", f"server 127.0.0.1:{host}"),
                         (r"(?m)^ *server 192\.0\.2\.22.*\n", ""), (r"/var/log/nginx/", f"{folder}/"), (r"max_fails=1", "max_fails=0"),
                         (r"listen 443 ssl http2;", f"listen 127.0.0.1:{http1}; listen 127.0.0.1:{http2} http2;")):
        text = re.sub(pattern, put, text)
    return text


class Nginx:
    """Ports: of the host by HTTP/1.1 and HTTP/2, of the edge by both, and its port of HTTP alone. Logs are in folder."""

    def __init__(self, folder):
        self.folder = folder
        self.host, self.host2, self.edge, self.edge2, self.plain, self._hosts = free_ports(6)
        take_files(folder)
        conf = folder / "conf.d/mayfly-host.conf"
        conf.write_text(re.sub(r"(?s)(geo \$realip_remote_addr \$mayfly_from_edge \{\s+default +0;)", r"\1 127.0.0.1 1;", conf.read_text()))
        edge = _edge(folder, self.edge, self.edge2, self.plain, self._hosts)
        (folder / "nginx.conf").write_text(f"""
            daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log info;
            include main.d/*.conf;
            events {{ worker_connections 512; }}
            http {{
                variables_hash_max_size 2048;
                {"".join(f"{kind}_temp_path {folder}/{kind};" for kind in KEPT)}
                include /etc/nginx/mime.types;
                include conf.d/*.conf;
                server {{
                    listen 127.0.0.1:{self.host}; listen 127.0.0.1:{self.host2} http2; listen 127.0.0.1:{self._hosts};
                    server_name {HOST};
                    server_tokens off;
                    large_client_header_buffers 4 8k;
                    access_log {folder}/host.log mayfly;
                    include snippets/mayfly-errors.conf;
                    include snippets/mayfly-locations.conf;
                    location = / {{ include snippets/mayfly-pass.conf; }}
                }}
                {edge}
            }}""")

    def _source(self, port):
        return DIRECT if port in (self.host, self.host2) else "127.0.0.1"

    def client(self, port, **more):
        return mayfly.Client(url=f"http://127.0.0.1:{port}", source=self._source(port), **more)

    def http2(self, port, method, path, *options, body=None):
        """(status, headers, body) by HTTP/2, for which Python has nothing. A body of which nginx takes all, or status2."""
        head = self.folder / "head"
        ran = subprocess.run(["curl", "-s", "--http2-prior-knowledge", "-X", method, "-D", head, "--interface", self._source(port),
                              *options, f"http://127.0.0.1:{port}{path}"], input=body, stdout=subprocess.PIPE, timeout=30, check=True)
        lines = head.read_text().splitlines()
        return int(lines[0].split()[1]), Headers(line.split(": ", 1) for line in lines[1:] if line), ran.stdout

    def status2(self, port, method, path, body, told=True):
        """The status for a body of which nginx may not take all, which curl does not read then."""
        fields = {":method": method, ":scheme": "http", ":path": path, ":authority": HOST, **({"content-length": str(len(body))} if told else {})}
        block = b"".join(bytes((0, len(name))) + name.encode() + bytes((len(value),)) + value.encode() for name, value in fields.items())
        with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(self._source(port), 0)) as connection:
            stream = connection.makefile("rb")
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(SETTINGS) + _frame(HEADERS, block, flags=END_HEADERS, stream=1))
            windows, sent = {0: 65535, 1: 65535}, 0
            while True:
                while sent < len(body) and (size := min(16384, len(body) - sent, *windows.values())) > 0:
                    connection.sendall(_frame(DATA, body[sent:sent + size], flags=END_STREAM if sent + size == len(body) else 0, stream=1))
                    sent += size
                    windows = {one: left - size for one, left in windows.items()}
                length, kind, flags, of = struct.unpack(">I", b"\0" + stream.read(3))[0], *struct.unpack(">BBI", stream.read(6))
                payload = stream.read(length)
                if kind == SETTINGS and not flags:
                    connection.sendall(_frame(SETTINGS, flags=ACK))
                    changed = dict(struct.iter_unpack(">HI", payload)).get(INITIAL_WINDOW_SIZE)
                    windows[1] += changed - 65535 if changed is not None else 0
                elif kind == WINDOW_UPDATE:
                    windows[of] += struct.unpack(">I", payload)[0]
                elif kind == HEADERS:
                    return _status(payload)

    def raw(self, port, text, wait_s=20):
        """What comes for these bytes until the connection ends."""
        with socket.create_connection(("127.0.0.1", port), timeout=wait_s, source_address=(self._source(port), 0)) as connection:
            connection.sendall(text.encode())
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(65536):
                    received += piece
        return received.decode()


@contextlib.contextmanager
def nginx_around(folder):
    """Runs while the block does."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    nginx = Nginx(folder)
    process = subprocess.Popen(["/usr/sbin/nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"], stdin=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while not ((folder / "pid").exists() and (folder / "pid").read_text()):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "error.log").read_text())
            time.sleep(0.02)
        yield nginx
    finally:
        process.terminate()
        process.wait()
