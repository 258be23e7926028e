#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server that fails on demand.  Loopback only.

usage: fault-server.py [--address A] [--port N] [--port-file FILE] [--cert FILE]
                       ROOT

Serves the tree ROOT with listings (nginx's form), ranges, If-Range, ETag and
Last-Modified, and prints "listening PORT" when it is ready.  SIGTERM ends it.
--cert makes it https://, with certificate and key from FILE.

A request meets a fault when one was ordered for its path, or when a segment of
its path (or its query) says so:
    POST /_fault?path=/dir/name&kind=KIND[&times=N][&KEY=VALUE...]
    /dir/fault=KIND,times=N,KEY=VALUE/name     (the directory really exists)
    /dir/name?fault=KIND,KEY=VALUE
A path that ends with "*" stands for all that begin so.  times (default: for
ever) is counted for each path.  method=GET or HEAD limits it to one of them.
    POST /_heal?path=/dir/name    forget what was ordered for just this path
    GET  /_log     the requests so far, one JSON object a line ("sent": bytes
                   of content, while it is being sent too)
    POST /_reset   forget log, faults and counts

Kinds, with what they take (sizes in bytes of the body):
    200..599 [after=SECONDS|date=SECONDS] [length=N]   this status, Retry-After
    reset at=N      RST after N bytes (65536)
    cut at=N        the connection is closed after N bytes (65536)
    stall at=N      nothing more after N bytes (65536); at=-1: no header either
    slow rate=N     N bytes a second (65536), at least 10
    long by=N       N bytes more than Content-Length (100)
    chunked by=N    no Content-Length, N bytes more or less than the file (0)
    close by=N      no Content-Length, the end is the end of the connection
    no-range        ranges are ignored: 200
    no-if-range     a request with If-Range gets 200
    range by=N      Content-Range says other bytes (1)
    other from=N to=N   the part begins (0) and ends (0) so much later
    total by=N      Content-Range says another size (1)
    gzip            Content-Encoding: gzip
    etag, mtime     another one each time, the same bytes; mtime: without ETag
    no-etag, bare   without ETag; without Last-Modified too
    weak            a weak ETag
    no-length       HEAD without Content-Length
    links           a listing with nothing but names, in Python's form
    redirect [to=URL] [code=N]   to itself without the fault, or to URL;
                    {host} in URL is this server, {port} its port
    loop            to itself
    auth user=U:P   401 without these credentials
"""

import argparse
import email.utils
import gzip
import html
import http.server
import json
import os
import re
import signal
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.parse
from base64 import b64encode

PIECE = 65536


class Orders:
    """Which faults are ordered, how often they were met, and the log."""

    def __init__(self):
        self.lock = threading.Lock()
        self.reset()

    def reset(self):
        with self.lock:
            self.orders, self.met, self.log, self.serial = [], {}, [], 0

    def add(self, order):
        with self.lock:
            self.orders.append(order)

    def heal(self, path):
        with self.lock:
            # Counts belong to the place in the list: leave the others theirs.
            for order in self.orders:
                if order["path"] == path:
                    order["path"] = None

    def next_serial(self):
        with self.lock:
            self.serial += 1
            return self.serial

    def note(self, record):
        with self.lock:
            self.log.append(record)

    def find(self, method, path, query):
        with self.lock:
            for number, order in enumerate(self.candidates(path, query)):
                if order.get("method", method) != method:
                    continue
                key = (path, method, number, order["kind"])
                times = int(order.get("times", 0))
                if times and self.met.get(key, 0) >= times:
                    continue
                self.met[key] = self.met.get(key, 0) + 1
                return order
        return {"kind": "none"}

    def candidates(self, path, query):
        if "fault" in query:
            yield parse_order(query["fault"])
        for order in self.orders:
            name = order["path"]
            if name is None:
                continue
            if path == name or (name.endswith("*") and
                                path.startswith(name[:-1])):
                yield order
        for segment in path.split("/"):
            match = re.search(r"fault=(.*)", segment)
            if match:
                yield parse_order(match.group(1))


def parse_order(text):
    kind, *pairs = text.split(",")
    order = dict(pair.split("=", 1) for pair in pairs)
    order["kind"] = kind
    return order


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer that is short goes out in one packet
    orders = Orders()
    root = b"."

    def log_message(self, *args):
        pass

    # ------------------------------------------------------------ requests

    def do_GET(self):
        self.serve()

    def do_HEAD(self):
        self.serve()

    def do_POST(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if url.path == "/_fault":
            self.orders.add(query)
        elif url.path == "/_heal":
            self.orders.heal(query["path"])
        elif url.path == "/_reset":
            self.orders.reset()
        else:
            return self.plain(404, b"")
        self.plain(200, b"")

    def serve(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/_log":
            lines = [json.dumps(line) + "\n" for line in self.orders.log]
            return self.plain(200, "".join(lines).encode())
        path = urllib.parse.unquote(url.path, "latin-1")
        query = dict(urllib.parse.parse_qsl(url.query))
        self.fault = self.orders.find(self.command, path, query)
        record = {"method": self.command, "path": path, "kind": self.kind,
                  "time": time.monotonic()}
        for name in ("Range", "If-Range", "Authorization", "Host", "Accept",
                     "Accept-Encoding", "Cookie", "X-Secret"):
            if name in self.headers:
                record[name] = self.headers[name]
        record["client"] = self.client_address[1]
        record["sent"] = 0
        self.record = record
        self.orders.note(record)
        try:
            self.answer(path)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    @property
    def kind(self):
        return self.fault["kind"]

    def number(self, key, default):
        return int(self.fault.get(key, default))

    def answer(self, path):
        if self.kind.isdigit():
            return self.refuse(int(self.kind))
        if self.kind in ("redirect", "loop"):
            return self.redirect()
        if self.kind == "auth" and not self.is_authorized():
            return self.plain(401, b"who are you?\n",
                              [("WWW-Authenticate", 'Basic realm="x"')])
        name = self.root + path.encode("latin-1")
        if b"/../" in name + b"/":
            return self.plain(404, b"")
        if self.kind == "stall" and self.number("at", PIECE) < 0:
            return self.hang()
        if os.path.isdir(name):
            if not path.endswith("/"):
                return self.plain(301, b"", [("Location", self.path + "/")])
            return self.send_bytes(self.listing(name))
        try:
            with open(name, "rb") as file:
                self.send_file(file)
        except OSError:
            self.plain(404, b"no such file\n")

    # -------------------------------------------------- answers without file

    def plain(self, status, body, headers=()):
        has_body = status not in (204, 304)
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if has_body:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if has_body and self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status):
        headers = []
        if "after" in self.fault:
            headers = [("Retry-After", self.fault["after"])]
        if "date" in self.fault:
            when = time.time() + self.number("date", 0)
            headers = [("Retry-After",
                        email.utils.formatdate(when, usegmt=True))]
        if status == 416:
            headers.append(("Content-Range",
                            "bytes */%d" % self.number("length", 0)))
        self.plain(status, b"fault\n", headers)

    def redirect(self):
        port = self.server.server_address[1]
        target = urllib.parse.urlsplit(self.path).path + "?fault=none"
        if self.kind == "loop":
            target = self.path
        if "to" in self.fault:
            target = self.fault["to"].replace("{port}", str(port)) \
                .replace("{host}", "127.0.0.1:%d" % port)
        self.plain(self.number("code", 302), b"elsewhere\n",
                   [("Location", target)])

    def is_authorized(self):
        wanted = "Basic " + b64encode(self.fault["user"].encode()).decode()
        return self.headers.get("Authorization") == wanted

    def hang(self):
        """Until the client goes away."""
        self.close_connection = True
        self.wfile.flush()
        while self.connection.recv(4096):
            pass

    def listing(self, name):
        if self.kind == "links":
            return self.links(name)
        path = urllib.parse.urlsplit(self.path).path
        shown = html.escape(urllib.parse.unquote(path, "latin-1"))
        lines = ["<html><head><title>Index of %s</title></head><body>"
                 "<h1>Index of %s</h1><hr><pre><a href=\"../\">../</a>"
                 % (shown, shown)]
        for entry in sorted(os.scandir(name), key=lambda e: e.name):
            st = entry.stat()
            slash = "/" if entry.is_dir() else ""
            href = urllib.parse.quote(entry.name) + slash
            text = entry.name.decode("utf-8", "replace") + slash
            when = time.strftime("%d-%b-%Y %H:%M", time.gmtime(st.st_mtime))
            size = "-" if slash else str(st.st_size)
            lines.append('<a href="%s">%s</a> %s %19s' % (
                html.escape(href), html.escape(text), when, size))
        return ("\n".join(lines) + "\n</pre><hr></body></html>\n").encode()

    @staticmethod
    def links(name):
        lines = []
        for entry in sorted(os.scandir(name), key=lambda e: e.name):
            href = urllib.parse.quote(entry.name) + "/" * entry.is_dir()
            lines.append('<li><a href="%s">%s</a></li>' % (href, href))
        return ("<html><head><title>Directory listing for /</title></head>"
                "<body><ul>%s</ul></body></html>\n" % "".join(lines)).encode()

    # --------------------------------------------------------------- content

    def send_bytes(self, body):
        """A page: faults of its transfer apply, ranges and versions do not."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_body(lambda off, n: body[off:off + n], 0, len(body))

    def send_file(self, file):
        st = os.fstat(file.fileno())
        if self.kind == "gzip":
            return self.send_gzip(file)
        etag, modified = self.version(st)
        first, last = self.range(st.st_size, etag, modified)
        if first is None:
            return self.plain(416, b"", [
                ("Content-Range", "bytes */%d" % st.st_size)])
        partial = (first, last) != (0, st.st_size) or self.ranged
        self.send_response(206 if partial else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        if etag:
            self.send_header("ETag", etag)
        if modified:
            self.send_header("Last-Modified", modified)
        if partial:
            self.send_content_range(first, last, st.st_size)
        self.send_body(lambda off, n: os.pread(file.fileno(), n, off),
                       first, last)

    def version(self, st):
        serial = self.orders.next_serial()
        seconds = int(st.st_mtime) + (serial if self.kind == "mtime" else 0)
        etag = '"%x-%x"' % (st.st_mtime_ns, st.st_size)
        if self.kind == "etag":
            etag = '"%d"' % serial
        if self.kind == "weak":
            etag = "W/" + etag
        if self.kind in ("mtime", "no-etag", "bare"):
            etag = None
        if self.kind == "bare":
            return None, None
        return etag, email.utils.formatdate(seconds, usegmt=True)

    def range(self, size, etag, modified):
        """[first, last) of what to send; (None, None): no such bytes."""
        self.ranged = False
        condition = self.headers.get("If-Range")
        match = re.fullmatch(r"bytes=(\d+)-(\d*)",
                             self.headers.get("Range", ""))
        if not match or self.command == "HEAD" or self.kind == "no-range":
            return 0, size
        if condition and (condition not in (etag, modified) or
                          self.kind == "no-if-range"):
            return 0, size
        first = int(match.group(1))
        last = min(int(match.group(2)) + 1, size) if match.group(2) else size
        if first >= size:
            return None, None
        self.ranged = True
        if self.kind == "other":
            return first + self.number("from", 0), last + self.number("to", 0)
        return first, last

    def send_content_range(self, first, last, size):
        if self.kind == "range":
            first += self.number("by", 1)
            last += self.number("by", 1)
        if self.kind == "total":
            size += self.number("by", 1)
        self.send_header("Content-Range",
                         "bytes %d-%d/%d" % (first, last - 1, size))

    def send_gzip(self, file):
        body = gzip.compress(file.read())
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_body(lambda off, n: body[off:off + n], 0, len(body))

    def send_body(self, read, first, last):
        """Bytes [first, last) of read(off, n), with faults of the transfer."""
        by = self.number("by", 0)
        if self.kind == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif self.kind == "close":
            self.close_connection = True
        elif not (self.kind == "no-length" and self.command == "HEAD"):
            self.send_header("Content-Length", str(last - first))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.kind in ("reset", "cut", "stall"):
            end = min(first + self.number("at", PIECE), last)
            self.send_pieces(read, first, end)
            if end < last:
                return self.break_off()
        elif self.kind in ("chunked", "close"):
            self.send_pieces(read, first, last + min(by, 0))
            self.send_piece(b"X" * max(by, 0))
            if self.kind == "chunked":
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_pieces(read, first, last)
        if self.kind == "long":
            self.send_piece(b"X" * self.number("by", 100))

    def send_pieces(self, read, first, last):
        rate = self.number("rate", PIECE) if self.kind == "slow" else 0
        piece = max(rate // 10, 1) if rate else PIECE
        while first < last:
            data = read(first, min(piece, last - first))
            if not data:
                raise BrokenPipeError
            self.send_piece(data)
            first += len(data)
            if rate:
                self.wfile.flush()
                time.sleep(0.1)

    def send_piece(self, data):
        self.record["sent"] += len(data)
        if self.kind == "chunked" and data:
            data = b"%x\r\n%s\r\n" % (len(data), data)
        self.wfile.write(data)

    def break_off(self):
        self.wfile.flush()
        self.close_connection = True
        if self.kind == "stall":
            self.hang()
        elif self.kind == "reset":
            # Let what was sent arrive: a reset throws away what is queued.
            time.sleep(0.02)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def shutdown_request(self, request):
        # Without shutdown(): it would send FIN where RST is wanted.
        self.close_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file")
    parser.add_argument("--cert")
    parser.add_argument("root")
    options = parser.parse_args()
    Handler.root = os.fsencode(options.root.rstrip("/"))
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = Server((options.address, options.port), Handler)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert)
        # The handshake is the business of the connection's own thread.
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    port = server.server_address[1]
    if options.port_file:
        with open(options.port_file + ".new", "w") as file:
            print(port, file=file)
        os.rename(options.port_file + ".new", options.port_file)
    print("listening", port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
