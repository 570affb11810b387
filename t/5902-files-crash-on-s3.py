#!/usr/bin/python3
"""
P2 and P7 of files in an object storage: a worker or a sweeper that dies at any named point leaves neither a hole nor garbage.
After one sweep `mayflyctl fsck` finds nothing, what was acknowledged is there to the byte, and whoever tried again has one
file, not two.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent / "lib"))
from crash import storage
from mayfly import dev, done

dev("service", "start", "radosgw")
storage("s3")
done()
