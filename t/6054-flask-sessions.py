#!/usr/bin/python3
"""
examples/python-sessions under two gunicorn servers: with a dictionary carts are lost when servers are replaced; with its two lines
changed nothing is lost while they are killed, requests of one session take turns, and an outage is no empty session.
"""

import http.client
import shutil
import socket
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import shops
from mayfly import done

GUNICORN = "/usr/bin/gunicorn"  # Debian's, with Debian's Python and Flask
if not Path(GUNICORN).exists() or subprocess.run(["/usr/bin/python3", "-c", "import flask"], capture_output=True, check=False).returncode != 0:
    print("1..0 # SKIP there is no gunicorn or no Flask; apt-get install gunicorn python3-flask")
    sys.exit()


class Connection(http.client.HTTPConnection):
    """Over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def begin(number, folder, environment):
    (folder / f"gunicorn-{number}.sock").unlink(missing_ok=True)
    with (folder / "log").open("ab") as log:
        return subprocess.Popen([GUNICORN, "--workers", "1", "--threads", "4", "--bind", f"unix:{folder}/gunicorn-{number}.sock", "--chdir",
                                 str(shops.EXAMPLES / "python-sessions"), "shop:app"], env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)


def request(number, folder, method, query, headers):
    connection = Connection(folder / f"gunicorn-{number}.sock")
    try:
        connection.request(method, f"/?{query}", headers={name: value for name, value in headers.items() if value})
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    except http.client.HTTPException as cut:
        raise ConnectionError("the answer was cut off") from cut
    finally:
        connection.close()


def ready(number, folder):
    try:
        return request(number, folder, "GET", "", {})[0] in (200, 503)
    except OSError:
        return False


def program(folder, **environment):
    return shops.Program(begin, request, ready, folder, **environment)


shops.judge(program)
done()
