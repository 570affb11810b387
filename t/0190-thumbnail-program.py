#!/usr/bin/python3
"""mayfly-thumbnail with real images, bombs and damaged files: a right picture or a named refusal, within its limits."""

import io
import math
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from mayfly import CHECKOUT, check, note, done, same

from PIL import Image, ImageCms, ImageOps

PROGRAM = Path(os.environ.get("MAYFLY_BUILD", CHECKOUT / "build")) / "mayfly-thumbnail"
MADE, NO_IMAGE, TOO_LARGE, BROKEN, LIMITS, BUG = 0, 40, 41, 42, 43, 44
NAMES = {MADE: "made", NO_IMAGE: "no image", TOO_LARGE: "too large", BROKEN: "broken", LIMITS: "limits", BUG: "bug"}
MEMORY_BYTES, CPU_S = 536870912, 5  # the defaults
SEED = 190
Image.MAX_IMAGE_PIXELS = None


class Run:
    """One run of the program: code (negative: a signal), output, and what it took."""

    def __init__(self, image, box=320, *options):
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:  # O_TMPFILE, as in a worker
            source.write(image)
            source.seek(0)
            began = time.monotonic()
            # A child's peak is never less than its parent's at the time; time(1) is small.
            with tempfile.NamedTemporaryFile("r") as usage:
                ran = subprocess.run(["time", "-q", "-f", "%U %S %M %x", "-o", usage.name, PROGRAM, *options, str(box)], stdin=source,
                                     stdout=target, stderr=subprocess.PIPE, text=True, errors="replace")
                user, system, memory, _ = usage.read().split()[-4:]
            self.complaint, self.code = ran.stderr, ran.returncode
            self.wall_s = time.monotonic() - began
            self.cpu_s, self.memory_kib = float(user) + float(system), int(memory)
            target.seek(0)
            self.output = target.read()

    @property
    def outcome(self):
        return NAMES.get(self.code, f"code {self.code}")

    @property
    def image(self):
        picture = Image.open(io.BytesIO(self.output))
        picture.load()
        return picture

    def __repr__(self):
        return f"{self.outcome}, {len(self.output)} bytes, {self.cpu_s:.2f} s, {self.memory_kib} KiB: {self.complaint.strip()}"


def least(image):
    """The run of three that computed least: a machine in use adds to what a run computes, and never takes away."""
    return min((Run(image) for _ in range(3)), key=lambda run: run.cpu_s)


def saved(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def noise(width, height, seed=SEED):
    """What compresses badly, the same in each run."""
    return Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3))


def corners(width=600, height=400):
    """Four colours, so that each turn and mirror can be told from the others."""
    picture = Image.new("RGB", (width, height))
    half = width // 2, height // 2
    for at, colour in {(0, 0): "red", (half[0], 0): "lime", (0, half[1]): "blue", half: "yellow"}.items():
        picture.paste(colour, (*at, at[0] + half[0], at[1] + half[1]))
    return picture


def near(a, b, far=40):
    return len(a) == len(b) and all(abs(x - y) <= far for x, y in zip(a, b))


def same_corners(a, b):
    """The middles of the quarters have nearly the same colours."""
    def of(picture):
        picture = picture.convert("RGB")
        return [picture.getpixel((int(picture.width * x), int(picture.height * y))) for x in (.25, .75) for y in (.25, .75)]
    return a.size == b.size and all(map(near, of(a), of(b)))


def fitted(size, box):
    ratio = min(1, box / max(size))
    return tuple(max(1, round(side * ratio)) for side in size)


def made(image, name, box=320, kind="JPEG"):
    run = Run(image, box)
    good = run.code == MADE and run.image.format == kind
    check(good, name, run)
    return run if good else None


# --- what it is called with

shown = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True)
check(shown.returncode == 0 and shown.stdout.startswith("mayfly-thumbnail "), "--version prints it", shown)
shown = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True)
check(shown.returncode == 0 and all(str(code) in shown.stdout for code in NAMES), "--help names each exit status", shown)
for words in ([], ["15"], ["1025"], ["-5"], ["x"], ["320", "320"], ["--frob", "320"], ["--cpu-s", "0", "320"], ["--max-pixels", "1e6", "320"]):
    shown = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    same((shown.returncode, shown.stdout), (BUG, ""), f"called with {words}, it says so", shown.stderr)
ends = os.pipe()
shown = subprocess.run([PROGRAM, "320"], stdin=ends[0], capture_output=True, text=True, timeout=30)
same(shown.returncode, BUG, "a pipe that never ends is not waited for", shown.stderr)
os.close(ends[0])
os.close(ends[1])

# --- right pictures

picture = corners()
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "SECRET-PLACE"
    image = saved(picture, "JPEG", quality=95, exif=exif, comment=b"SECRET-WORDS")
    if run := made(image, f"a JPEG of EXIF orientation {orientation}"):
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(image)))
        wanted = upright.resize(fitted(upright.size, 320))
        check(same_corners(run.image, wanted), "is turned upright", run.image.size, wanted.size)
        check(b"SECRET" not in run.output and not run.image.getexif() and "icc_profile" not in run.image.info,
              "and carries nothing else", run.image.info)

for kind, options in {"PNG": {}, "WEBP": {"lossless": True}, "GIF": {}, "JPEG": {"progressive": True}}.items():
    if run := made(saved(picture, kind, **options), f"a {kind} {options or ''}"):
        check(same_corners(run.image, picture.resize(fitted(picture.size, 320))), "looks like it", run.image.size)
for size, box in [((1, 1), 320), ((300, 20), 320), ((320, 320), 320), ((321, 320), 320), ((5000, 1), 320), ((1, 5000), 16), ((999, 998), 1024)]:
    if run := made(saved(Image.new("RGB", size, "red"), "PNG"), f"an image of {size} in a box of {box}", box):
        same(run.image.size, fitted(size, box), "fits into it and is not enlarged")

veiled = corners().convert("RGBA")
veiled.putalpha(Image.linear_gradient("L").resize(veiled.size))
for kind, options in {"PNG": {}, "WEBP": {"lossless": True}}.items():
    if run := made(saved(veiled, kind, **options), f"a transparent {kind} becomes a WebP", kind="WEBP"):
        alpha = run.image.getchannel("A").getextrema()
        check(alpha[0] < 10 and alpha[1] > 245, "with its transparency", alpha)
made(saved(corners().convert("RGBA"), "PNG"), "a PNG with an alpha channel that hides nothing becomes a JPEG")
indexed = corners().quantize(4)
run = made(saved(indexed, "PNG", transparency=0), "an indexed PNG with a transparent colour becomes a WebP", kind="WEBP")
run = made(saved(indexed, "GIF", transparency=0), "so does a GIF", kind="WEBP")

frames = [Image.new("RGB", (64, 48), colour) for colour in ("red", "lime", "blue")]
for kind in ("GIF", "WEBP"):
    if run := made(saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50), f"an animated {kind}"):
        check(near(run.image.convert("RGB").getpixel((32, 24)), (255, 0, 0)) and getattr(run.image, "n_frames", 1) == 1, "gives its first frame")

if run := made(saved(picture.convert("CMYK"), "JPEG", quality=95), "a CMYK JPEG"):
    same((run.image.mode, run.image.size), ("RGB", fitted(picture.size, 320)), "becomes RGB")
    pixel = run.image.getpixel((80, 50))
    check(pixel[0] > 150 and pixel[1] < 120 and pixel[2] < 120, "and its red stays red", pixel)
grey16 = Image.new("I;16", (640, 480))
grey16.putdata([x * 65535 // 639 for _ in range(480) for x in range(640)])
if run := made(saved(grey16, "PNG"), "a PNG of 16 bits"):
    row = [run.image.convert("L").getpixel((x, 120)) for x in (4, 160, 315)]
    check(row[0] < 20 and 90 < row[1] < 165 and row[2] > 235, "keeps its shades in 8", row)
made(saved(picture.convert("L"), "JPEG"), "a grey JPEG")
made(saved(picture.convert("1"), "PNG"), "a PNG of black and white")
srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
if run := made(saved(picture, "JPEG", quality=95, icc_profile=srgb), "a JPEG with a colour profile"):
    check(same_corners(run.image, picture.resize(fitted(picture.size, 320))) and "icc_profile" not in run.image.info,
          "keeps its colours without it", run.image.info)
ramp = Image.linear_gradient("L").rotate(90).resize((600, 400))
for name, image in {"a grey JPEG": saved(ramp, "JPEG", icc_profile=srgb), "a grey PNG": saved(ramp, "PNG", icc_profile=srgb),
                    "a transparent grey PNG": saved(ramp.convert("LA"), "PNG", icc_profile=srgb)}.items():
    if run := made(image, f"{name} with a profile for colours"):
        row = [run.image.convert("L").getpixel((x, 100)) for x in (4, 160, 315)]
        check(row[1] in range(90, 165) and sorted((row[0], row[2]))[0] < 20 and max(row) > 235, "keeps its shades", row)
made(saved(picture.convert("CMYK"), "JPEG", icc_profile=srgb), "a CMYK JPEG with a profile of sRGB")
profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
run = Run(saved(picture, "JPEG", icc_profile=profile))
check(run.code in (MADE, BROKEN), "a colour profile of another colour space does no harm", run)
run = least(saved(noise(8000, 6000), "JPEG", quality=50, progressive=True, subsampling=0))
same(run.outcome, "made", "a progressive JPEG of 48 million pixels fits into the default limits", run)
note(f"it took {run}")

# --- refused by type

for name, content in {
    "nothing": b"", "11 bytes of a PNG": b"\x89PNG\r\n\x1a\n\0\0\0", "HTML": b"<!doctype html><script>alert(1)</script>" * 9,
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><image href='/etc/passwd'/></svg>",
    "PDF": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>", "TIFF": saved(picture, "TIFF"), "BMP": saved(picture, "BMP"),
    "PPM": saved(picture, "PPM"), "JPEG 2000": saved(picture, "JPEG2000"), "an ImageMagick script": b"push graphic-context\nimage over 0,0 0,0 'https://a'",
    "a PNG behind a byte": b"x" + saved(picture, "PNG"), "zeros": bytes(1000), "a RIFF that is no WebP": b"RIFF\x24\0\0\0WAVEfmt ",
}.items():
    run = Run(content)
    same((run.outcome, run.output), ("no image", b""), f"{name} is refused", run)
for name, content in {"HTML with a JPEG's first bytes": b"\xff\xd8\xff\xe0<html>" + b"x" * 99, "SVG with a PNG's": b"\x89PNG\r\n\x1a\n<svg/>" + b" " * 99,
                      "a PDF with a GIF's": b"GIF89a%PDF-1.4" + b" " * 99, "HTML with a WebP's": b"RIFF\x24\0\0\0WEBP<html>" + b" " * 99}.items():
    run = Run(content)
    same((run.outcome, run.output), ("broken", b""), f"{name} is decoded by no other decoder", run)

# --- bombs


def png_chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width, height, *before, rows=None, depth=1, colour=0):
    """A valid PNG of zeros, as a stream of rows."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (width * depth * {0: 1, 2: 3, 6: 4}[colour] + 7) // 8)
    body = b"".join(squeeze.compress(row) for _ in range(height if rows is None else rows)) + squeeze.flush()
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + b"".join(before) +
            png_chunk(b"IDAT", body) + png_chunk(b"IEND", b""))


def jpeg_bomb(side):
    """A valid grey JPEG: each block is two bits for the same brightness and four for nothing else, whatever the size."""
    small = saved(Image.new("L", (8, 8), 128), "JPEG")
    frame, scan = small.index(b"\xff\xc0"), small.index(b"\xff\xda")
    head = small[:frame + 5] + struct.pack(">HH", side, side) + small[frame + 9:scan]
    scan_head = small[scan:scan + 2 + struct.unpack(">H", small[scan + 2:scan + 4])[0]]
    return head + scan_head + b"\x28\xa2\x8a" * math.ceil((side / 8) ** 2 / 4) + b"\xff\xd9"


def scans_bomb(side, times):
    """A progressive JPEG whose last scan comes again and again."""
    image = saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = image.rindex(b"\xff\xda")
    return image[:last] + image[last:-2] * times + b"\xff\xd9"


normal = least(saved(noise(3000, 2000), "JPEG", quality=80))
same(normal.outcome, "made", "an ordinary JPEG of 6 million pixels, to compare with")
huge_gif = (b"GIF89a\xff\xff\xff\xff\x80\0\0\xff\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;")
webp = bytearray(saved(Image.new("RGB", (4, 4)), "WEBP", lossless=True))
webp[21:25] = struct.pack("<I", 16382 | 16382 << 14 | struct.unpack("<I", webp[21:25])[0] & 0xF0000000)  # behind 0x2F: 14 bits each
zeros = zlib.compress(bytes(200_000_000), 9)
for name, image, wanted in [
    ("a PNG of 30,000 x 30,000", png(30000, 30000), {"too large"}),
    ("a JPEG of 30,000 x 30,000", jpeg_bomb(30000), {"too large"}),
    ("a GIF of 65,535 x 65,535", huge_gif, {"too large"}),
    ("a WebP of 16,383 x 16,383", bytes(webp), {"too large", "limits"}),
    ("a PNG that says 2,000,000,000 x 2", png(2_000_000_000, 2, rows=0), {"too large", "broken"}),
    ("a PNG with 200 MB in a compressed text", png(64, 64, png_chunk(b"zTXt", b"Comment\0\0" + zeros)), {"made", "broken", "limits"}),
    ("a PNG with 200 MB in a colour profile", png(64, 64, png_chunk(b"iCCP", b"icc\0\0" + zeros)), {"made", "broken", "limits"}),
    ("a PNG with 100,000 texts", png(64, 64, png_chunk(b"tEXt", b"a\0b") * 100_000), {"made", "broken", "limits"}),
]:
    run = least(image)
    check(run.outcome in wanted, f"{name} in {len(image)} bytes is {run.outcome}", run)
    note(f"{name}: {run.cpu_s / normal.cpu_s:.2f} of the ordinary JPEG's computing, {run.memory_kib / normal.memory_kib:.2f} of its memory")
    if "too large" in wanted:
        check(run.cpu_s < 1.5 * normal.cpu_s + 0.05 and run.memory_kib < 1.5 * normal.memory_kib, "and costs no more than an ordinary image", run, normal)
for name, size in (("1 x 7,500,000", (1, 7_500_000)), ("7,500,000 x 1", (7_500_000, 1)), ("1 x 65,536", (1, 65536)), ("65,536 x 1", (65536, 1))):
    run = Run(png(*size, depth=8, colour=2))
    same((run.outcome, run.output), ("too large", b""), f"a PNG of {name} pixels is refused, though it has few", run)
    check(run.cpu_s < normal.cpu_s + 0.1 and run.memory_kib < 2 * normal.memory_kib, "by its header", run, normal)
for size in ((1, 65535), (65535, 1), (760, 65535)):
    run = Run(png(*size, depth=8, colour=6))
    same(run.outcome, "made", f"one of {size} is made", run)
    check(run.cpu_s < 30 * normal.cpu_s + 0.1, "at the cost of a large image", run, normal)
bomb = jpeg_bomb(16000)
run = Run(bomb, 320, "--max-pixels", "1000000000")
same(run.outcome, "made", "that bomb is a valid image: only the pixel limit refuses it", run)
run = Run(saved(Image.new("RGB", (6000, 4000)), "JPEG", progressive=True), 320, "--memory-bytes", "160000000")
same((run.outcome, run.output), ("limits", b""), "what needs more memory than allowed is named so", run)
run = Run(saved(Image.new("RGBA", (5000, 5000), (1, 2, 3, 4)), "WEBP"), 320, "--memory-bytes", "170000000")
check(run.code in (LIMITS, BROKEN) and run.output == b"", "whatever the format", run)
run = Run(scans_bomb(4000, 3000), 320, "--cpu-s", "1")
check(run.code in (LIMITS, BROKEN) and run.cpu_s < 3, f"a JPEG of 3,000 scans is {run.outcome}", run)
run = Run(noise_png := saved(noise(6000, 5000), "PNG", compress_level=1), 1024, "--cpu-s", "1")
check(run.code in (LIMITS, MADE) and run.cpu_s < 3, "computing ends at its limit", run)
run = Run(png(65000, 60000), 320, "--max-pixels", "10000000000", "--cpu-s", "1")
same((run.outcome, run.output), ("limits", b""), "so does an endless one", run)
check(run.cpu_s < 3, "in time", run)

# --- what it takes from itself

with tempfile.TemporaryFile() as source:
    source.write(saved(noise(1024, 1024), "PNG", compress_level=1))
    source.seek(0)
    reading, writing = os.pipe()
    child = subprocess.Popen([PROGRAM, "1024"], stdin=source, stdout=writing, env={})
    os.close(writing)
    until = time.monotonic() + 60
    while not os.read(reading, 1):
        pass
    # It now waits for the reader of a full pipe.
    limits = {line[:26].strip(): line[26:].split()[1] for line in Path(f"/proc/{child.pid}/limits").read_text().splitlines()[1:]}
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if ":\t" in line)
    same({name: limits[name] for name in ("Max cpu time", "Max file size", "Max core file size", "Max open files", "Max address space")},
         {"Max cpu time": str(CPU_S + 1), "Max file size": "1000000", "Max core file size": "0", "Max open files": "8", "Max address space": str(MEMORY_BYTES)},
         "its resources are limited")
    same((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), "its system calls are filtered, and it can gain no privileges")
    maps = Path(f"/proc/{child.pid}/maps")
    if os.access(maps, os.R_OK) and os.geteuid() == 0:
        check("vips-modules" not in maps.read_text(), "it has loaded no plug-in of the library")
    os.close(reading)
    check(child.wait(60) != 0, "a reader that goes away ends it")

# --- cut off and damaged

samples = {
    "JPEG": saved(noise(160, 120), "JPEG"), "progressive JPEG": saved(noise(160, 120), "JPEG", progressive=True),
    "PNG": saved(noise(160, 120), "PNG"), "WebP": saved(noise(160, 120), "WEBP"), "lossless WebP": saved(veiled.resize((160, 120)), "WEBP", lossless=True),
    "GIF": saved(noise(160, 120), "GIF"), "animated WebP": saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]),
    "animated GIF": saved(frames[0], "GIF", save_all=True, append_images=frames[1:]),
    "EXIF": saved(picture.resize((160, 120)), "JPEG", exif=exif, icc_profile=srgb),
}
chance = random.Random(SEED)


def damaged(image):
    image = bytearray(image)
    for _ in range(chance.choice((1, 2, 5, 20))):
        # Twice as often where headers are.
        at = chance.randrange(4, len(image) if chance.random() < .5 else min(300, len(image)))
        how = chance.randrange(4)
        if how == 0:
            image[at] = chance.randrange(256)
        elif how == 1:
            image[at:at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
        elif how == 2:
            image[at:at + chance.randrange(1, 50)] = b""
        else:
            image[at:at] = image[at:at + chance.randrange(1, 200)]
        if len(image) < 20:
            break
    return bytes(image)


for name, image in samples.items():
    same(Run(image).outcome, "made", f"{name}: whole, it has a thumbnail")
    runs = [Run(image[:len(image) * cut // 8]) for cut in range(1, 8)]
    half = Run(image[:len(image) // 2])
    if name.startswith("animated"):
        check(half.code in (MADE, BROKEN), "cut in half it is refused, or its first frame is whole", half)
    elif "GIF" in name or "PNG" in name or "WebP" in name:
        same((half.outcome, half.output), ("broken", b""), "cut in half it is broken", half)
    else:
        scan = image.index(b"\xff\xda")
        half = Run(image[:(scan + len(image)) // 2])
        whole, part = Run(image).image.convert("RGB"), half.image.convert("RGB") if half.code == MADE else None
        check(part is not None and part.size == whole.size, "cut in half of its picture it is shown as browsers do, as far as it goes", half)
        # The side where the picture begins, which is the upper one unless it is turned by its EXIF.
        width, height = whole.size
        sides = [(0, 0, width, height // 4)]
        if name == "EXIF":
            sides += [(0, height * 3 // 4, width, height), (0, 0, width // 4, height), (width * 3 // 4, 0, width, height)]
        shown = [max(abs(a - b) for a, b in zip(whole.crop(box).tobytes(), part.crop(box).tobytes())) for box in sides] if part else [255]
        check("progressive" in name or min(shown) <= 12, f"{name}: what is there is as it was", shown)
        same(Run(image[:-2]).outcome, "made", "and when it lacks its last mark alone")
        same(Run(image[:scan]).outcome, "broken", "without any of its picture it is broken")
    counts = {}
    runs += [Run(damaged(image)) for _ in range(40)]
    for run in runs:
        counts[run.outcome] = counts.get(run.outcome, 0) + 1
    strange = [run for run in runs if run.code not in (MADE, NO_IMAGE, TOO_LARGE, BROKEN, LIMITS) or (run.code != MADE) != (run.output == b"")]
    same(strange, [], "cut elsewhere and damaged at random it has a thumbnail or a named refusal")
    note(f"{name}: {counts}")
    greedy = [run for run in runs if run.memory_kib * 1024 > MEMORY_BYTES or run.cpu_s > CPU_S]
    same(greedy, [], "and stays within its limits")
done()
