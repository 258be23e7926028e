# SPDX-License-Identifier: GPL-2.0-or-later
"""storm.py ARCHIVE DIRS FILES: a tar archive of DIRS deep directories with FILES small
files in each, all below "storm"."""

import io
import sys
import tarfile


def add(archive, name, content=None):
    info = tarfile.TarInfo(name)
    info.mode = 0o644 if content is not None else 0o755
    info.type = tarfile.REGTYPE if content is not None else tarfile.DIRTYPE
    info.size = len(content or b"")
    info.mtime = 1700000000
    archive.addfile(info, io.BytesIO(content or b""))


def main():
    path, dirs, files = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    made = set()
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number in range(dirs):
            where = "storm"
            for part in ("", f"/a{number % 7}", f"/b{number % 3}", f"/d{number}"):
                where += part
                if where not in made:
                    made.add(where)
                    add(archive, where)
            for file in range(files):
                add(archive, f"{where}/f{file}", f"{number} {file}\n".encode())


main()
