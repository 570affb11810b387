"""Apps as people run them, behind the gate: under php-fpm, gunicorn and node. Each answers with what it has received, as JSON; node's is also
the other end of WebSockets."""

import shutil
import subprocess
import time
from pathlib import Path

PHP = """<?php
$body = file_get_contents('php://input');
header('Content-Type: application/json');
echo json_encode(['method' => $_SERVER['REQUEST_METHOD'], 'target' => $_SERVER['REQUEST_URI'], 'user' => $_SERVER['REMOTE_USER'] ?? '',
    'groups' => $_SERVER['MAYFLY_GROUPS'] ?? '', 'cookie' => $_SERVER['HTTP_COOKIE'] ?? '', 'type' => $_SERVER['CONTENT_TYPE'] ?? '',
    'authorization' => $_SERVER['HTTP_AUTHORIZATION'] ?? '', 'secure' => ($_SERVER['HTTPS'] ?? '') === 'on',
    'length' => strlen($body), 'sha256' => hash('sha256', $body), 'all' => json_encode($_SERVER, JSON_PARTIAL_OUTPUT_ON_ERROR)]);
"""

FLASK = """
import hashlib, json
from flask import Flask, request
app = Flask(__name__)

@app.route("/", defaults={"path": ""}, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@app.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def echo(path):
    body, headers = request.get_data(), request.headers
    return {"method": request.method, "target": request.full_path.rstrip("?"), "user": headers.get("X-Auth-User", ""), "groups": headers.get("X-Auth-Groups", ""),
            "cookie": headers.get("Cookie", ""), "type": headers.get("Content-Type", ""), "authorization": headers.get("Authorization", ""),
            "secure": headers.get("X-Forwarded-Proto") == "https",
            "length": len(body), "sha256": hashlib.sha256(body).hexdigest(), "all": json.dumps(list(headers.items()))}
"""

NODE = """
const { createHash } = require('node:crypto');
const { createServer } = require('node:http');

function told(request, body) {
  const h = request.headers;
  return { method: request.method, target: request.url, user: h['x-auth-user'] ?? '', groups: h['x-auth-groups'] ?? '', cookie: h.cookie ?? '',
    type: h['content-type'] ?? '', authorization: h.authorization ?? '', secure: h['x-forwarded-proto'] === 'https',
    length: body.length, sha256: createHash('sha256').update(body).digest('hex'), all: JSON.stringify(request.rawHeaders) };
}

function frame(text) {
  const body = Buffer.from(text);
  const head = body.length < 126 ? [0x81, body.length] : [0x81, 126, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from(head), body]);
}

// RFC 6455, for masked texts of less than 126 bytes: who it is first, then each text back.
function upgrade(request, socket) {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ${accept}\\r\\n\\r\\n`);
  socket.write(frame(JSON.stringify(told(request, Buffer.alloc(0)))));
  let left = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (piece) => {
    left = Buffer.concat([left, piece]);
    while (left.length >= 6 && left.length >= 6 + (left[1] & 127)) {
      const length = left[1] & 127;
      socket.write(frame(left.subarray(6, 6 + length).map((byte, n) => byte ^ left[2 + (n & 3)]).toString()));
      left = left.subarray(6 + length);
    }
  });
}

createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = JSON.stringify(told(request, Buffer.concat(pieces)));
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(request.method === 'HEAD' ? '' : body);
  });
}).on('upgrade', upgrade).listen(process.argv[2]);
"""


def lacks():
    """What is not installed, as the commands that would."""
    wanted = {"php-fpm": list(Path("/usr/sbin").glob("php-fpm*")), "gunicorn python3-flask": Path("/usr/bin/gunicorn").exists() and
              Path("/usr/lib/python3/dist-packages/flask").exists(), "nodejs": shutil.which("node")}
    return [f"apt-get install {name}" for name, found in wanted.items() if not found]


class Apps:
    """with Apps(folder) as apps: the sockets php.sock, flask.sock and node.sock in the folder answer."""

    def __init__(self, folder):
        self.folder, self.running = folder, []

    def __enter__(self):
        folder = self.folder
        (folder / "echo.php").write_text(PHP)
        (folder / "echo_app.py").write_text(FLASK)
        (folder / "echo.js").write_text(NODE)
        (folder / "php.conf").write_text(f"[global]\nerror_log = {folder}/php.log\ndaemonize = no\n[www]\nlisten = {folder}/php.sock\nlisten.mode = 0666\n"
                                         "pm = static\npm.max_children = 2\n")
        self.start(sorted(Path("/usr/sbin").glob("php-fpm*"))[-1], "-n", "-y", folder / "php.conf")
        self.start("/usr/bin/gunicorn", "--threads", "4", "--bind", f"unix:{folder}/flask.sock", "echo_app:app")
        self.start(shutil.which("node"), folder / "echo.js", folder / "node.sock")
        until = time.monotonic() + 30
        for name in ("php", "flask", "node"):
            while not (folder / f"{name}.sock").exists():
                if time.monotonic() > until:
                    raise RuntimeError(f"{name} does not start")
                time.sleep(0.02)
        return self

    def start(self, *command):
        self.running.append(subprocess.Popen([str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                             stderr=subprocess.DEVNULL))

    def __exit__(self, *_):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(20)


def masked(text):
    """A client's frame of a WebSocket."""
    body = text.encode()
    return bytes((0x81, 0x80 | len(body), 1, 2, 3, 4)) + bytes(byte ^ (1, 2, 3, 4)[at & 3] for at, byte in enumerate(body))
