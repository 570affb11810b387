"""Images of few bytes that are much work to decode, and one that is none."""

import io
import random
import struct
import zlib

from PIL import Image


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, depth=8, channels=3, filtered=0):
    """A valid PNG of one pattern again and again: few bytes, and all the work of decoding."""
    squeeze = zlib.compressobj(1)
    row = bytes([filtered]) + (bytes(range(256)) * (width * depth * channels // 2048 + 1))[: width * depth * channels // 8]
    at_once = min(height, max(1, (1 << 20) // len(row)))  # rows: a call for each of millions would take seconds
    rows, (times, rest) = row * at_once, divmod(height, at_once)
    body = b"".join(squeeze.compress(rows) for _ in range(times)) + squeeze.compress(row * rest) + squeeze.flush()
    kind = {3: 2, 4: 6}[channels]
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)) +
            png_chunk(b"IDAT", body) + png_chunk(b"IEND", b""))


def photograph(seed):
    out = io.BytesIO()
    Image.frombytes("RGB", (400, 300), random.Random(seed).randbytes(360000)).resize((4000, 3000)).save(out, "JPEG", quality=80)
    return out.getvalue()


def frames(count):
    return (b"GIF89a\x40\0\x40\0\x80\0\0\xff\0\0\xff\xff\xff" + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0" * count + b";")


def progressive(side):
    """Noise, which compresses badly; one tile of it again and again, since it takes long to make."""
    out, tile, image = io.BytesIO(), Image.effect_noise((500, 500), 40), Image.new("L", (side, side))
    for at in range((side // 500 + 1) ** 2):
        image.paste(tile, (at % (side // 500 + 1) * 500, at // (side // 500 + 1) * 500))
    image.convert("RGB").save(out, "JPEG", quality=30, progressive=True)
    return out.getvalue()
