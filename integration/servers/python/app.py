"""Says who answers, and what it was sent.

Runs on Flask's own server (python3 app.py PORT [METRICS_PORT]) or under gunicorn (app:app).
"""
import logging
import os
import sys
import threading
import time
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer

from flask import Flask, request

app = Flask(__name__)
ballast = bytearray(os.urandom(1 << 20)) * int(os.environ.get("BALLAST_MIB") or 0)  # shared by what gunicorn forks
leaked = []


@app.route("/", methods=["GET", "POST"])
def index():
    received = request.get_data()
    if leak := request.args.get("leak", 0, type=int):
        leaked.append(b"x" * (leak << 10))
    time.sleep(request.args.get("hold", 0, type=float))
    slot, generation = os.environ["ROTA_SLOT"], os.environ["ROTA_GENERATION"]
    return (
        f'pid={os.getpid()} slot={slot} generation={generation} client={request.remote_addr or "-"}'
        f' id={request.args.get("id", "-")} length={len(received)} sha256={sha256(received).hexdigest()}\n'
    )


class Metrics(BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"metrics of {os.getpid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    if len(sys.argv) > 2:
        metrics = HTTPServer(("127.0.0.1", int(sys.argv[2])), Metrics)
        threading.Thread(target=metrics.serve_forever, daemon=True).start()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for every request
    app.run(host="0.0.0.0", port=int(sys.argv[1]))
