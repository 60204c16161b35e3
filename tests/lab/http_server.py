"""Serve a folder over HTTP with byte ranges: http_server.py FOLDER ADDRESS PORT.

A query makes the server ill, as in /image?rate=65536&cut=100000:
  rate=N     sends at most N bytes a second
  cut=N      hangs up at byte N of the file; cut-once=N only the first time
  stall=N    sends nothing after byte N; hold=N only as long as the folder has no file 'go'
  bare       says neither how long the file is nor that it knows ranges; end=N leaves away what comes after byte N
  status=N   answers with an error; page answers everything with a web page; loop redirects to itself
Its log has a line for each request, and for all but the first bytes of files one more that says from which byte on.
"""

import functools
import http.server
import os
import re
import sys
import time
import urllib.parse


class Handler(http.server.SimpleHTTPRequestHandler):
    """Python's own handler, which knows no ranges, with the ranges that a resumed download asks for."""

    protocol_version = "HTTP/1.1"
    cut_once = set()

    def do_GET(self):
        address = urllib.parse.urlsplit(self.path)
        mood = dict(urllib.parse.parse_qsl(address.query, keep_blank_values=True))
        path = self.translate_path(address.path)
        if "loop" in mood:
            self.send_response(302)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        if "status" in mood:
            return self.send_error(int(mood["status"]))
        if "page" in mood:
            page = b"<!DOCTYPE html>\n<html><body>Please log in to this network</body></html>\n"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            return self.wfile.write(page)
        if not os.path.isfile(path):
            return super().do_GET()
        size = os.path.getsize(path)
        bare = "bare" in mood
        asked = None if bare else re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = 0, int(mood.get("end", size)) - 1
        if asked:
            start, end = int(asked[1]), min(int(asked[2] or size), size - 1)
            if start >= size:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
        self.send_response(206 if asked else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Last-Modified", self.date_time_string(int(os.path.getmtime(path))))
        if bare:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(end - start + 1))
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.end_headers()
        try:
            self.send(path, start, end, mood)
        except OSError:
            self.close_connection = True
        finally:
            if end - start >= 65536:
                self.log_message("sent %s from %d", self.path, start)

    def send(self, path, start, end, mood):
        """Sends these bytes of a file, as the mood has it."""
        stop = int(mood.get("cut", mood.get("stall", end + 1)))
        if "cut-once" in mood and end - start >= 65536 and path not in self.cut_once:
            self.cut_once.add(path)
            stop = int(mood["cut-once"])
        rate = int(mood.get("rate", 0))
        block = max(rate // 10, 1) if rate else 1 << 17
        hold = int(mood.get("hold", end + 2))
        at = start
        with open(path, "rb") as file:
            file.seek(start)
            while at <= end and at < stop:
                data = file.read(min(block, end + 1 - at, stop - at))
                self.wfile.write(data)
                at += len(data)
                if rate:
                    time.sleep(0.1)
                while hold <= at <= end and not os.path.exists(os.path.join(self.directory, "go")):
                    time.sleep(0.05)
        if at <= end:
            self.close_connection = True
            if "stall" in mood:
                self.wfile.flush()
                time.sleep(3600)


if __name__ == "__main__":
    folder, address, port = sys.argv[1:]
    handler = functools.partial(Handler, directory=folder)
    http.server.ThreadingHTTPServer((address, int(port)), handler).serve_forever()
