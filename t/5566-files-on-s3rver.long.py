#!/usr/bin/python3
"""The tests of uploads, downloads, links, CSV and thumbnails, and those of a storage that misbehaves, over s3rver (npm)."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
import other_storages
from mayfly import done

other_storages.same_tests(other_storages.S3rver)
done()
