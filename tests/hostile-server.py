#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A web server that lies.  Loopback only.

usage: hostile-server.py PORT-FILE

Each directory below / is a lie of its own, see the methods `show_*`.  Whatever
is asked for without a slash at its end is a file with the content "true\\n".
    GET /count     how many listings were asked for
    GET /flip      files in /flip/ become directories, and the reverse
SIGTERM ends it.
"""

import http.server
import os
import signal
import socketserver
import sys
import urllib.parse

TRUE = b"true\n"
HEAD = ("<html><head><title>Index of /</title></head><body><h1>Index of /</h1>"
        "<hr><pre><a href=\"../\">../</a>\n")
TAIL = "</pre><hr></body></html>\n"


def row(href, size="5"):
    return '<a href="%s">x</a>  22-Nov-2026 20:36 %s\n' % (href, size)


def page(rows):
    yield HEAD
    yield from rows
    yield TAIL


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    listings = 0
    flipped = False

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path).path.split("/")[1:]
        if parts == ["count"]:
            return self.send_body(b"%d\n" % Handler.listings)
        if parts == ["flip"]:
            Handler.flipped = not Handler.flipped
        if parts[-1]:
            if parts[0] == "sizes" and self.command == "HEAD":
                return self.send_size(parts[-1])
            return self.send_body(TRUE)
        Handler.listings += 1
        try:
            self.send_pieces(*getattr(self, "show_" + parts[0])(parts[1:-1]))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def send_body(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 20:36:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_size(self, size):
        self.send_response(200)
        self.send_header("Content-Length", size.split("_")[-1])
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True

    def send_pieces(self, kind, pieces):
        """As it comes, so that nothing here grows."""
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        block = []
        size = 0
        for piece in pieces:
            block.append(piece)
            size += len(piece)
            if size > 65536:
                self.wfile.write("".join(block).encode("latin-1"))
                block, size = [], 0
        self.wfile.write("".join(block).encode("latin-1"))

    # ------------------------------------------------------------------ lies

    def show_many(self, path):
        """N files; many/N/"""
        if not path:
            return "text/html", page([])
        return "text/html", page(row("%016x" % n) for n in range(int(path[0])))

    def show_json(self, path):
        """N files, nginx's JSON; json/N/"""
        def entries():
            yield "[\n"
            for n in range(int(path[0])):
                yield ('%s{"name":"%016x","type":"file","mtime":"Sun, 22 Nov '
                       '2026 20:36:24 GMT","size":5}\n' % ("," * (n > 0), n))
            yield "]\n"
        return "application/json", entries()

    def show_same(self, path):
        """One file, N times; same/N/"""
        return "text/html", page(row("name") for n in range(int(path[0])))

    def show_bad(self, path):
        """N names that cannot exist; bad/N/"""
        return "text/html", page(row("a%%2f%d" % n) for n in range(int(path[0])))

    def show_dirs(self, path):
        """N empty directories; dirs/N/"""
        if len(path) > 1:
            return "text/html", page([])
        return "text/html", page(row("%08x/" % n, "-")
                                 for n in range(int(path[0])))

    def show_big(self, path):
        """A directory with N files beside a small one; big/N/"""
        if len(path) == 1:
            return "text/html", page([row("huge/", "-"), row("small/", "-")])
        if path[1] == "huge":
            return "text/html", page(row("%016x" % n)
                                     for n in range(int(path[0])))
        if len(path) == 2:
            return "text/html", page([row("in/", "-")])
        return "text/html", page([row("file")])

    def show_line(self, path):
        """One token of 100 MB: line/text/, line/tag/, line/json/"""
        long = ("a" * 65536 for n in range(1600))
        if path == ["json"]:
            def string():
                yield '[{"name":"'
                yield from long
                yield '","type":"file","size":5}]'
            return "application/json", string()
        def token():
            yield HEAD
            yield '<a href="' if path == ["tag"] else '<a href="name">'
            yield from long
            yield '"></a>' + TAIL
        return "text/html", token()

    def show_endless(self, path):
        """It never ends: one comment, for ever."""
        def comment():
            yield HEAD + "<!--"
            while True:
                yield "x" * 65536
        return "text/html", comment()

    def show_nest(self, path):
        """10,000 open elements, or arrays: nest/html/, nest/json/"""
        if path == ["json"]:
            return "application/json", ("[" for n in range(10000))
        return "text/html", page("<div>" for n in range(10000))

    def show_deep(self, path):
        """A directory in a directory in a directory, 10,000 deep."""
        if len(path) >= 10000:
            return "text/html", page([row("bottom")])
        return "text/html", page([row("d/", "-")])

    def show_itself(self, path):
        """A directory that contains itself, twice, and files."""
        return "text/html", page([row("again/", "-"), row("file"),
                                  row("once-more/", "-"), row("other", "5")])

    def show_names(self, path):
        """Names that nobody should have."""
        rows = [row(href) for href in (
            "../escape", "../../escape", "..%2fescape", "%2e%2e/escape",
            "%2e%2e", "..", ".", "%2e", "/escape", "//127.0.0.1/escape",
            "a/b", "a%2fb", "nul%00byte", "%00", "file:///etc/passwd",
            "n" * 256, "m" * 255, "%1b%5b31mred", "new%0aline", "bell%07",
            "c1%c2%9b31m", "%ff%fe", "twice", "twice", ".hsm", "%7e",
            "javascript:x", "?query", "#fragment", "semi;colon")]
        rows += [row("both"), row("both/", "-"), row("htob/", "-"), row("htob")]
        if path:
            rows = []
        return "text/html", page(rows)

    SIZES = ("-1", "9223372036854775807", "9223372036854775808",
             "18446744073709551615", "1" + "0" * 30, "1e3", "0x10", "")

    def show_sizes(self, path):
        """Sizes that no file has: sizes/html/, sizes/json/"""
        if path == ["json"]:
            entries = ('{"name":"json_%s","type":"file","size":%s}' %
                       (size or "none", size if size and "x" not in size
                        else '"%s"' % size) for size in self.SIZES)
            return "application/json", ["[" + ",".join(entries) + "]"]
        return "text/html", page(row("html_%s" % (size or "none"), size)
                                 for size in self.SIZES)

    def show_flip(self, path):
        """What is a file becomes a directory, and the reverse."""
        if path:
            return "text/html", page([row("inside")])
        slash = "/" * Handler.flipped, "/" * (not Handler.flipped)
        return "text/html", page([
            row("one" + slash[0], "-" if slash[0] else "5"),
            row("two" + slash[1], "-" if slash[1] else "5"), row("same")])


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = Server(("127.0.0.1", 0), Handler)
    with open(sys.argv[1] + ".new", "w") as file:
        print(server.server_address[1], file=file)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
