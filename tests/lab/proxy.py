"""A small HTTP proxy: proxy.py ADDRESS PORT [USER:PASSWORD].

It answers GET for http URLs and CONNECT; its log has a line for each request. With a password others are refused.
"""

import base64
import http.server
import select
import socket
import sys
import urllib.request


class Proxy(http.server.BaseHTTPRequestHandler):
    """Asks the server itself, without any proxy of its own environment."""

    def is_known(self):
        if not self.server.login:
            return True
        wanted = "Basic " + base64.b64encode(self.server.login.encode()).decode()
        if self.headers.get("Proxy-Authorization") == wanted:
            return True
        self.send_error(407)
        return False

    def do_GET(self):
        if not self.is_known():
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() in ("range", "if-range")}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(urllib.request.Request(self.path, headers=headers))
        except urllib.error.HTTPError as error:
            answer = error
        self.send_response(answer.status)
        for key, value in answer.headers.items():
            if key.lower() not in ("connection", "date", "server"):
                self.send_header(key, value)
        self.end_headers()
        while data := answer.read(1 << 16):
            self.wfile.write(data)

    def do_CONNECT(self):
        if not self.is_known():
            return
        host, port = self.path.rsplit(":", 1)
        with socket.create_connection((host.strip("[]"), int(port))) as there:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: there, there: self.connection}
            while True:
                for ready in select.select(list(ends), [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    ends[ready].sendall(data)


if __name__ == "__main__":
    address, port, *login = sys.argv[1:]
    server = http.server.ThreadingHTTPServer((address, int(port)), Proxy)
    server.login = login[0] if login else None
    server.serve_forever()
