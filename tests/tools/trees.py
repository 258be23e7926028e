# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the remote trees of the tests: trees.py OUT NAMES.TSV

Deterministic: the same bytes, names and times on every run.
  files/sizes/     files at the sizes where things break
  files/big/       one file of 1 GiB
  files/programs/  an executable, a bare git repository, a sqlite database
  *.sha256         checksums of files/*
  source/   a source tree whose build is up to date
  images/   loop images (ext4, squashfs, iso) of images-content/
  odd/      the names of NAMES.TSV
  many/     20,000 files of 4 KiB in 200 directories
  walk/     400 files of 12 KiB in one directory: servers round that
  huge/     100,000 files in 1,000 directories
  pages/    hand-made listings
"""
import hashlib
import os
import random
import shutil
import subprocess
import sys

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
# A time with seconds: a listing that knows the minute only must not pass
# for one that knows more.
EPOCH = 1577934245  # 2020-01-02 03:04:05 UTC


def noise(seed, size):
    """`size` bytes that depend on `seed` only."""
    source = random.Random(seed)
    while size > 0:
        part = min(size, MIB)
        yield source.randbytes(part)
        size -= part


def write(path, chunks):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        for chunk in chunks:
            f.write(chunk)
    return path


def write_with_zeros(path, size, runs):
    """Noise with zero runs at (offset, length); the runs are holes here."""
    write(path, [])
    with open(path, "r+b") as f:
        f.truncate(size)
        at = 0
        for start, length in sorted(runs) + [(size, 0)]:
            f.seek(at)
            for chunk in noise(f"{size}@{at}", start - at):
                f.write(chunk)
            at = start + length


def sizes(out):
    for size in 0, 1, 4095, 4096, 4097:
        write(f"{out}/files/sizes/{size}", noise(size, size))
    words = random.Random("text")
    lines = (f"{i} {words.getrandbits(64):x} needle\n" if i % 7 == 0 else
             f"{i} {words.getrandbits(200):x}\n" for i in range(6000))
    write(f"{out}/files/sizes/text", ["".join(lines).encode()[:300 * KIB - 1] + b"\n"])
    # Zero runs at both ends and inside, aligned and not.
    write_with_zeros(f"{out}/files/sizes/5M", 5 * MIB,
                     [(0, 4096), (64 * KIB, 128 * KIB), (MIB + 5, 70000),
                      (5 * MIB - 9000, 9000)])
    write_with_zeros(f"{out}/files/sizes/64M", 64 * MIB,
                     [(0, 3 * MIB), (8 * MIB, 4096), (20 * MIB, 16 * MIB),
                      (50 * MIB + 1, 999999), (60 * MIB, 4 * MIB)])
    write_with_zeros(f"{out}/files/big/1G", GIB,
                     [(0, 16 * MIB)] +
                     [(i * 64 * MIB + 20 * MIB, 44 * MIB - 4097 * i)
                      for i in range(15)] + [(GIB - 32 * MIB, 32 * MIB)])


def programs(out):
    here = f"{out}/files/programs"
    os.makedirs(here)
    shutil.copyfile("/bin/bash", f"{here}/binary")

    work = f"{out}/work"
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", HOME=out,
               GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@example.org",
               GIT_AUTHOR_DATE=f"{EPOCH} +0000", GIT_COMMITTER_NAME="t",
               GIT_COMMITTER_EMAIL="t@example.org",
               GIT_COMMITTER_DATE=f"{EPOCH} +0000")

    def git(*args):
        subprocess.run(["git", "-C", work, *args], env=env, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    os.makedirs(work)
    git("init", "-b", "main")
    for n in range(20):
        write(f"{work}/file{n}", noise(f"git{n}", 20000))
        git("add", ".")
        git("commit", "-m", f"commit {n}")
    git("gc")
    git("clone", "--bare", ".", f"{here}/repository.git")
    subprocess.run(["git", "-C", f"{here}/repository.git", "update-server-info"],
                   env=env, check=True)
    shutil.rmtree(work)

    rows = ",".join(f"({i}, 'row {i}')" for i in range(50000))
    subprocess.run(["sqlite3", f"{here}/data.db"], check=True, text=True,
                   input="CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT);"
                         f"INSERT INTO t VALUES {rows}; CREATE INDEX n ON t(name);")


def source(out):
    here = f"{out}/source"
    makefile = "app: a.o b.o\n\tcat a.o b.o > app\n%.o: %.c\n\tcat $< > $@\n"
    write(f"{here}/Makefile", [makefile.encode()])
    for age, name in enumerate(["a.c", "b.c", "a.o", "b.o", "app"]):
        write(f"{here}/{name}", noise(name, 10000))
        os.utime(f"{here}/{name}", (EPOCH, EPOCH + 600 * age))


def images(out):
    here = f"{out}/images"
    content = f"{out}/images-content"
    for n in range(8):
        write(f"{content}/part{n}", noise(f"part{n}", 10 * MIB))
    os.makedirs(here)

    def run(*command):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    run("mke2fs", "-t", "ext4", "-d", content, f"{here}/ext4.img", "100M")
    run("mksquashfs", content, f"{here}/squashfs.img", "-noI", "-noD")
    run("genisoimage", "-quiet", "-R", "-o", f"{here}/iso.img", content)
    for image in os.listdir(here):
        with open(f"{here}/{image}", "r+b") as f:
            if os.fstat(f.fileno()).st_size < 100 * MIB:
                f.truncate(100 * MIB)


def odd(out, table):
    names = {}
    with open(table, "rb") as f:
        for line in f:
            if line.startswith(b"#"):
                continue
            name, size, kind = line.rstrip(b"\n").split(b"\t")
            names[unescape(name)] = (int(size), kind)
    root = os.fsencode(f"{out}/odd")
    os.makedirs(root)
    for name, (size, kind) in names.items():
        path = root + b"/" + name
        if kind == b"d":
            os.mkdir(path)
            write(os.fsdecode(path) + "/inside", noise(name, size))
        elif size > GIB:
            write(os.fsdecode(path), [b"start"])
            os.truncate(path, size)
        else:
            write(os.fsdecode(path), noise(name, size))


def unescape(text):
    plain = {b"\\": b"\\", b"n": b"\n", b"t": b"\t"}
    out, rest = b"", text
    while b"\\" in rest:
        before, rest = rest.split(b"\\", 1)
        if rest[:1] == b"x":
            out += before + bytes([int(rest[1:3], 16)])
            rest = rest[3:]
        else:
            out += before + plain[rest[:1]]
            rest = rest[1:]
    return out + rest


def many(out):
    for d in range(200):
        block = b"".join(noise(f"many{d}", 100 * 4 * KIB))
        for f in range(100):
            write(f"{out}/many/d{d:03}/f{f:02}", [block[f * 4096:(f + 1) * 4096]])
    for f in range(400):
        write(f"{out}/walk/f{f:03}", noise(f"walk{f}", 12 * KIB))


def huge(out):
    """Links of one file for each directory: only the listing matters."""
    for d in range(1000):
        here = f"{out}/huge/d{d:03}"
        first = write(f"{here}/f00", [b"%d\n" % d])
        os.utime(first, (EPOCH, EPOCH))
        for f in range(1, 100):
            os.link(first, f"{here}/f{f:02}")


def pages(out):
    for name in "inside", "sub/below", "secret":
        write(f"{out}/pages/leave/{name}", noise(name, 100))
    write(f"{out}/pages/outside/secret", noise("outside", 100))
    row = '<a href="{}">x</a> 02-Jan-2020 03:04 {}\n'
    top = '<html><body><h1>Index of /leave/</h1><pre><a href="../">../</a>\n'
    links = ["../outside/secret", "/outside/", "/outside/secret",
             "http://192.0.2.1/secret", "//192.0.2.1/secret", "ftp://127.0.0.1/x",
             "mailto:someone@example.org", "javascript:alert(1)", "?C=M;O=A",
             "?C=N&amp;O=D", "#top", "%2e%2e/outside/secret", "sub/../../outside/secret"]
    impossible = ["a%2Fb", "nul%00byte", "%2e", "%2e%2e", "n" * 256]
    write(f"{out}/pages/leave/index.html",
          [(top + "".join(row.format(h, 100) for h in links + impossible + ["inside"])
            + row.format("sub/", "-") + "</pre></body></html>\n").encode()])
    write(f"{out}/pages/leave/sub/index.html",
          [(top + row.format("below", 100) + "</pre></body></html>\n").encode()])
    write(f"{out}/pages/text/index.html", [b"<html><body><p>Welcome.</p></body></html>\n"])


def finish(out):
    """Checksums, and one time for whatever has no time of its own."""
    for directory in "sizes", "big":
        with open(f"{out}/{directory}.sha256", "w") as sums:
            for name in sorted(os.listdir(f"{out}/files/{directory}")):
                digest = hashlib.sha256()
                with open(f"{out}/files/{directory}/{name}", "rb") as f:
                    while chunk := f.read(MIB):
                        digest.update(chunk)
                sums.write(f"{digest.hexdigest()}  {name}\n")
    for here, _, names in os.walk(out):
        if here.startswith((f"{out}/source", f"{out}/huge")):
            continue
        for name in names:
            os.utime(os.path.join(here, name), (EPOCH, EPOCH))


def main():
    out, table = sys.argv[1:]
    for build in sizes, programs, source, images, many, huge, pages:
        build(out)
    odd(out, table)
    finish(out)


main()
