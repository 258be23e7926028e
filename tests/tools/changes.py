# SPDX-License-Identifier: GPL-2.0-or-later
"""Random changes of a tree, and whether two trees are the same.

    changes.py change DIR SEED COUNT [plain]      plain: no name with control characters or outside UTF-8
    changes.py compare DIR COPY [WITHOUT...]      exit 1, and the differences
    changes.py replay DIR COPY ROUNDS SEED COMMAND [all]

replay changes DIR and runs the shell's COMMAND, which brings COPY up to date, ROUNDS times;
after each round they are compared.  WITHOUT: mode, mtime, xattr, or other (only regular
files are compared); or "all": times of directories and links, nanoseconds, all extended
attributes and ACLs, too.  With "all", replay changes such things, and makes hard links and holes."""

import os
import random
import shutil
import stat
import struct
import subprocess
import sys

ODD = [" leading", "trailing ", "-dash", "--files-from", "#hash", ";semi", "quote\"'",
       "back\\slash", "star*?[x]", "$dollar`", "100%", "emoji \U0001f600", "~tilde", "a\\012b", "-", "+x", "é"]
ODDER = ["tab\there", "new\nline", "\nfirst", "last\n", "latin1-\udce9", "esc\x1b[31m", "\x01"]
HIDDEN = ".hsm"


class Changes:
    def __init__(self, top, seed, plain, every=False):
        self.top = top
        self.random = random.Random(seed)
        self.names = ODD + [] if plain else ODD + ODDER
        self.plain = plain
        self.every = every
        self.outside = os.path.join(os.path.dirname(top), "elsewhere")

    def walk(self):
        dirs, files = [self.top], []
        for where, below, names in os.walk(self.top):
            if where == self.top and HIDDEN in below:
                below.remove(HIDDEN)
            for name in below[:]:
                path = os.path.join(where, name)
                (files if os.path.islink(path) else dirs).append(path)
            files += [os.path.join(where, name) for name in names]
        return dirs, files

    def new_name(self, dirs):
        number = self.random.randrange(1000)
        name = self.random.choice([f"n{number}", self.random.choice(self.names) + f"{number}",
                                   self.random.choice(self.names)])
        return os.path.join(self.random.choice(dirs), name)

    def content(self):
        return self.random.randbytes(self.random.choice([0, 1, 100, 5000, 70000]))

    def write(self, path):
        with open(path, "wb") as file:
            file.write(self.content())

    def make_tree(self, path):
        os.mkdir(path)
        for number in range(self.random.randrange(4)):
            below = os.path.join(path, f"sub{number}")
            os.mkdir(below)
            self.write(os.path.join(below, self.random.choice(self.names)))
        self.write(os.path.join(path, "file"))

    def make(self, path):
        kind = self.random.randrange(6)
        if kind == 0:
            self.make_tree(path)
        elif kind == 1:
            os.symlink("nowhere/" + self.random.choice("abc"), path)
        elif kind == 2:
            os.mkfifo(path)
        elif kind == 3:
            os.mkdir(path)
        else:
            self.write(path)

    def remove(self, path):
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)

    def change(self, path):
        how = self.random.randrange(7)
        if not os.path.islink(path) and stat.S_ISREG(os.lstat(path).st_mode):
            if how == 0:
                self.write(path)
            elif how == 1:
                with open(path, "ab") as file:
                    file.write(b"more")
            elif how == 2:
                os.truncate(path, self.random.randrange(10000))
            elif how == 3:
                os.chmod(path, self.random.choice([0o600, 0o644, 0o755, 0o4755]))
            elif how == 4:
                os.utime(path, (1, self.random.randrange(10 ** 9)))
            elif how == 5:
                os.setxattr(path, "user.test", self.random.randbytes(5))
            else:  # as editors do
                self.write(path + ".tmp")
                os.rename(path + ".tmp", path)
        else:
            os.chown(path, self.random.randrange(100), 1, follow_symlinks=False)

    def move(self, path, to):
        if os.path.lexists(to):
            if to == self.top or (path + "/").startswith(to + "/"):
                return
            self.remove(to)
        if not (to + "/").startswith(path + "/"):
            os.rename(path, to)

    def rare(self, dirs, files):
        """What not every consumer can carry over."""
        path = self.random.choice(dirs + files)
        link = os.path.islink(path)
        regular = not link and os.path.isfile(path)
        how = self.random.randrange(5)
        if how == 0 and regular:
            os.truncate(path, 1 << 20)
        elif how == 1 and regular:
            with open(path, "r+b") as file:
                file.seek(self.random.randrange(1 << 20))
                file.write(b"far")
        elif how == 2 and regular:
            os.setxattr(path, "security.capability",
                        struct.pack("<5I", 0x02000001, 1 << self.random.randrange(20), 0, 0, 0))
        elif how == 3 and not link:
            acl = [(1, 7, -1), (2, self.random.randrange(8), 1000), (4, 5, -1), (16, 5, -1), (32, 0, -1)]
            os.setxattr(path, "system.posix_acl_access", struct.pack("<I", 2) +
                        b"".join(struct.pack("<HHi", *row) for row in acl))
        elif how == 4 and (regular or os.path.isdir(path) and not link):
            os.setxattr(path, "user.rare", self.random.randbytes(300))
        if regular:
            to = self.new_name(dirs)
            if not os.path.lexists(to):
                os.link(path, to)

    def step(self):
        dirs, files = self.walk()
        inner = dirs[1:]
        if self.every and self.random.randrange(3) == 0:
            return self.rare(dirs, files)
        what = self.random.randrange(14)
        if what < 4 or not files or not inner:
            path = self.new_name(dirs)
            if os.path.lexists(path):
                self.remove(path)  # perhaps to become another kind of thing
            self.make(path)
        elif what < 8:
            self.change(self.random.choice(files))
        elif what == 8:
            self.remove(self.random.choice(files))
        elif what == 9:
            self.move(self.random.choice(files), self.random.choice([self.new_name(dirs), *files]))
        elif what == 10:
            self.move(self.random.choice(inner), self.new_name(dirs))
        elif what == 11:
            os.chmod(self.random.choice(inner), self.random.choice([0o755, 0o700]))
        elif what == 12 and (len(dirs) > 30 or self.random.randrange(4) == 0):
            self.remove(self.random.choice(inner))
        elif what == 13:
            self.move_outside(inner, dirs)

    def move_outside(self, inner, dirs):
        if os.path.exists(self.outside):
            self.move(self.outside, self.new_name(dirs))
        else:
            os.rename(self.random.choice(inner), self.outside)


def describe(top, path, without):
    st = os.lstat(os.path.join(top, path))
    kind = stat.S_IFMT(st.st_mode)
    told = {"kind": kind}
    if "all" in without:
        told["nanoseconds"] = st.st_mtime_ns
        told["attributes"] = {name: os.getxattr(os.path.join(top, path), name, follow_symlinks=False)
                              for name in os.listxattr(os.path.join(top, path), follow_symlinks=False)
                              if not name.startswith("trusted.SGI_ACL_")}  # xfs: the ACL once more
    if "mode" not in without and kind != stat.S_IFLNK:
        told["mode"] = (stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid)
    if kind == stat.S_IFREG:
        with open(os.path.join(top, path), "rb") as file:
            told["content"] = file.read()
    if kind == stat.S_IFLNK:
        told["to"] = os.readlink(os.path.join(top, path))
    # A directory's time moves with what is done in it, also in the copy.
    if "mtime" not in without and kind == stat.S_IFREG:
        told["mtime"] = int(st.st_mtime)
    if "xattr" not in without and kind == stat.S_IFREG:
        told["xattr"] = {name: os.getxattr(os.path.join(top, path), name)
                         for name in os.listxattr(os.path.join(top, path)) if name.startswith("user.")}
    return told


def entries(top, without):
    found = {}
    for where, below, names in os.walk(top):
        if where == top and HIDDEN in below:
            below.remove(HIDDEN)
        for name in below + names:
            path = os.path.relpath(os.path.join(where, name), top)
            told = describe(top, path, without)
            if "other" not in without or told["kind"] == stat.S_IFREG:
                found[path] = told
    if "all" in without:
        found["."] = describe(top, ".", without)
    return found


def compare(top, copy, without=()):
    ours, theirs = entries(top, without), entries(copy, without)
    different = []
    for path in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(path), theirs.get(path)
        if one is None or other is None:
            different.append(f"only in the {'copy' if one is None else 'original'}: {path!r}")
        elif one != other:
            keys = [key for key in one if one[key] != other.get(key)]
            different.append(f"{', '.join(keys)} of {path!r}: " + "; ".join(
                f"{str(one[key])[:40]} and {str(other.get(key))[:40]}" for key in keys))
    return different


def replay(top, copy, rounds, seed, command, *more):
    it = Changes(top, seed, False, "all" in more)
    for number in range(rounds):
        for _ in range(it.random.randrange(1, 20)):
            it.step()
        subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
        different = compare(top, copy, more)
        if different:
            print(f"round {number} of {rounds} (seed {seed}):", *different[:20], sep="\n")
            return 1
    dirs, files = it.walk()
    print(f"{rounds} rounds; at the end {len(dirs)} directories, {len(files)} other files")
    return 0


def main():
    what, top, *rest = sys.argv[1:]
    top = os.path.abspath(top)
    sys.stdout.reconfigure(errors="backslashreplace")
    if what == "change":
        it = Changes(top, int(rest[0]), "plain" in rest)
        for _ in range(int(rest[1])):
            it.step()
        return 0
    if what == "compare":
        different = compare(top, rest[0], rest[1:])
        print(*different[:20], sep="\n")
        return 1 if different else 0
    return replay(top, rest[0], int(rest[1]), int(rest[2]), *rest[3:])


sys.exit(main())
