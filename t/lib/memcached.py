"""memcached as somebody sees it who can reach its socket: what is there of a session, and whatever he likes in its place."""

import base64
import socket
import struct
import uuid
from dataclasses import dataclass

from mayfly import SCRATCH

MEMCACHED = SCRATCH / "run" / "memcached.sock"

# db/cache_seal.h: layout, MAC. store/session_cache.c: kind, nonce, account, hash, four times; four strings follow.
LAYOUT, LAYOUT_BEFORE = 0x6D660002, 0x6D660001
SEAL = struct.Struct("=I16s")
ITEM = struct.Struct("=I16s16s32sqqqq")
LEASE, ENTRY, ENDED = 1, 2, 3


def raw(token):
    return base64.urlsafe_b64decode(token[4:] + "=" * (-len(token[4:]) % 4))


def session_id(token):
    return str(uuid.UUID(bytes=raw(token)[:16]))


def wrong_secret(token):
    """The same session's id with another secret."""
    bytes_ = bytearray(raw(token))
    bytes_[-1] ^= 1
    return "mfs_" + base64.urlsafe_b64encode(bytes(bytes_)).decode().rstrip("=")


def key_of(token):
    return f"mfs:{session_id(token)}"


class Memcached:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(MEMCACHED))
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def _ask(self, line, value=b""):
        self.socket.sendall(line.encode() + b"\r\n" + value)
        return self.file.readline().rstrip(b"\r\n")

    def get(self, key):
        """The bytes, or None."""
        found = self._ask(f"get {key}")
        if found == b"END":
            return None
        value = self.file.read(int(found.split()[3]))
        self.file.readline(), self.file.readline()
        return value

    def set(self, key, value, ttl_s=0):
        answer = self._ask(f"set {key} 0 {ttl_s} {len(value)}", value + b"\r\n")
        assert answer == b"STORED", answer

    def delete(self, key):
        self._ask(f"delete {key}")

    def flush(self):
        self._ask("flush_all")


@dataclass
class Item:
    kind: int
    nonce: bytes
    account: bytes
    hash: bytes
    read_at_ms: int
    seen_at_ms: int
    idle_ms: int
    expires_at_ms: int
    texts: list

    @classmethod
    def read(cls, value):
        fixed = ITEM.unpack_from(value, SEAL.size)
        return cls(*fixed, value[SEAL.size + ITEM.size:].split(b"\0")[:4])

    def written(self, seal=bytes(16)):
        return SEAL.pack(LAYOUT, seal) + self._rest()

    def written_before(self):
        """As the release wrote it whose items had no MAC."""
        return struct.pack("=I", LAYOUT_BEFORE) + self._rest()

    def _rest(self):
        return ITEM.pack(self.kind, self.nonce, self.account, self.hash, self.read_at_ms, self.seen_at_ms, self.idle_ms,
                         self.expires_at_ms) + b"".join(text + b"\0" for text in self.texts)


def is_sealed(value):
    """A whole item of this release, as far as somebody without the secret can tell."""
    return value is not None and len(value) > SEAL.size and SEAL.unpack_from(value)[0] == LAYOUT and any(SEAL.unpack_from(value)[1])
