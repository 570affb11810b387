#!/usr/bin/python3
"""Swift with its S3 API, all of it in one process and one folder: whole_swift.py FOLDER PORT. python3-swift is all that it needs."""

import sys

sys.path.pop(0)  # what Swift imports may be named like something of ours

import array  # noqa: E402
from pathlib import Path  # noqa: E402

import eventlet  # noqa: E402

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.common import utils  # noqa: E402

HASHES = """[swift-hash]
swift_hash_path_prefix = mayfly
swift_hash_path_suffix = mayfly
"""
KEEPER = """[DEFAULT]
swift_dir = {folder}
devices = {folder}/devices
mount_check = false
disable_fallocate = true
[app:main]
use = egg:swift#{kind}
"""
PROXY = """[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth slo proxy-server
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
max_bucket_listing = 40
[filter:tempauth]
use = egg:swift#tempauth
user_mayfly_mayfly = mayfly .admin
[filter:slo]
use = egg:swift#slo
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
"""


class NoCache:
    """tempauth wants one. It knows nothing, so all that is asked for is as it is now."""

    def get(self, *_, **__):
        return None

    def set(self, *_, **__):
        pass

    delete = set


def listener(port=0):
    return eventlet.listen(("127.0.0.1", port), backlog=128)


def serve(socket, application):
    from swift.common.http_protocol import SwiftHttpProtocol
    return eventlet.spawn(wsgi.server, socket, application, utils.NullLogger(), protocol=SwiftHttpProtocol,
                          capitalize_response_headers=False, socket_timeout=60)


def application(folder, name, text):
    from swift.common.wsgi import loadapp
    path = folder / f"{name}.conf"
    path.write_text(text)
    return loadapp(str(path), global_conf={"log_name": name})


def write_ring(folder, kind, port):
    """One device, of one copy, in two partitions."""
    from swift.common.ring import RingData
    place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    device = {"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "device", "meta": "", **place}
    RingData([array.array("H", [0, 0])], [device], 31).save(str(folder / f"{kind}.ring.gz"))


def main(folder, port):
    (folder / "devices/device").mkdir(parents=True, exist_ok=True)
    (folder / "swift.conf").write_text(HASHES)
    utils.set_swift_dir(str(folder))
    for kind in ("account", "container", "object"):
        socket = listener()
        write_ring(folder, kind, socket.getsockname()[1])
        serve(socket, application(folder, kind, KEEPER.format(folder=folder, kind=kind)))
    proxy, cache = application(folder, "proxy", PROXY.format(folder=folder)), NoCache()

    def with_cache(environment, start_response):
        environment["swift.cache"] = cache
        return proxy(environment, start_response)

    serve(listener(port), with_cache).wait()


main(Path(sys.argv[1]), int(sys.argv[2]))
