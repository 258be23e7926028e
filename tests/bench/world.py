# SPDX-License-Identifier: GPL-2.0-or-later
"""What a measurement stands on: scratch space, loop images, the remote."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import process

MIB = 1 << 20
IMAGE_BYTES = 24 << 30  # sparse; a cold read may reserve a file's whole size

NGINX = """
daemon off; worker_processes auto; user root;
pid {dir}/pid; error_log {dir}/error.log;
events {{ worker_connections 1024; }}
http {{
    log_format sent $body_bytes_sent;
    access_log {dir}/access.log sent;
    client_body_temp_path {dir}/t; proxy_temp_path {dir}/t; fastcgi_temp_path {dir}/t;
    uwsgi_temp_path {dir}/t; scgi_temp_path {dir}/t;
    sendfile on; tcp_nopush on;
    server {{ listen 127.0.0.1:{port}; root {root}; autoindex on; }}
}}
"""


def interrupted(number, _frame):
    raise SystemExit(128 + number)


def begin():
    """Who measures needs root, and tidies up however it ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    if os.geteuid():
        raise SystemExit("bench: needs root")


def command(*argv):
    subprocess.run([str(arg) for arg in argv], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)


def drop_caches():
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


@contextlib.contextmanager
def scratch():
    path = Path(tempfile.mkdtemp(prefix="hsm-bench."))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def mounted(where, *argv):
    where.mkdir()
    command("mount", *argv, where)
    try:
        yield where
    finally:
        command("umount", "--lazy", where)
        where.rmdir()


@contextlib.contextmanager
def ext4(base, name, inodes=65536):
    """A fresh ext4 file system on a loop image; everything on it is gone after."""
    image = base / f"{name}.img"
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    try:
        command("mkfs.ext4", "-q", "-F", "-N", inodes, "-J", "size=128",
                "-E", "lazy_itable_init=0,nodiscard", image)
        with mounted(base / name, "-o", "loop", image) as where:
            yield where
    finally:
        image.unlink()


@contextlib.contextmanager
def ended(server):
    """End `server`, politely first."""
    try:
        yield server
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            process.kill_group(server)
            server.wait(20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Nginx:
    """The remote's web server, and how much it has sent."""

    def __init__(self, base, root, stack):
        base.mkdir()
        self.port = free_port()
        conf = base / "nginx.conf"
        conf.write_text(NGINX.format(dir=base, port=self.port, root=root), encoding="utf-8")
        server = subprocess.Popen(["nginx", "-p", base, "-c", conf], start_new_session=True)
        stack.enter_context(ended(server))
        self.wait(server)
        self.log = stack.enter_context(open(base / "access.log", encoding="ascii"))

    def wait(self, server):
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if server.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("bench: nginx does not start")

    def take(self):
        """(requests, bytes) that were answered since the last call."""
        sent = [int(line) for line in self.log.readlines()]
        return len(sent), sum(sent)


def start_proxy(binary, rtt_ms, port, stack):
    """The port of a proxy that adds `rtt_ms` of round trip."""
    server = subprocess.Popen([binary, str(rtt_ms), str(port)], stdout=subprocess.PIPE,
                              text=True, start_new_session=True)
    stack.enter_context(ended(server))
    return int(server.stdout.readline())


def build(base, here, name):
    """A helper program, compiled."""
    command(os.environ.get("CC", "gcc"), "-std=gnu11", "-O2", "-D_GNU_SOURCE", "-Wall",
            "-o", base / name, here / f"{name}.c")
    return base / name


def make_big(reader, directory, size, names):
    """One file of `size` bytes under many names: each is cold once."""
    directory.mkdir(exist_ok=True)
    command(reader, "make", directory / names[0], size)
    for name in names[1:]:
        os.link(directory / names[0], directory / name)


def make_tree(reader, directory, files, folders):
    """`files` files of 4 KiB in `folders` directories."""
    directory.mkdir()
    first = directory / "d000" / "f000"
    for folder in range(folders):
        (directory / f"d{folder:03}").mkdir()
    command(reader, "make", first, 4096)
    content = first.read_bytes()
    for number in range(1, files):
        at = directory / f"d{number % folders:03}" / f"f{number // folders:03}"
        at.write_bytes(content)
