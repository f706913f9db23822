"""A small HTTP server that leaks: each request for / keeps LEAK_KIB KiB for ever.

Runs on Flask's own server (python3 app.py), or under another one (gunicorn app:app).
Flask's own server dies at once on SIGTERM, with whatever requests it had in hand.
"""
import os
import time

import evidence
from flask import Flask, request

evidence.on_signal()
app = Flask(__name__)
LEAK_KIB = int(os.environ.get("LEAK_KIB") or 1024)
kept = []  # never emptied: this is the leak


@app.route("/", methods=["GET", "POST"])
def index():
    # bytes(n) would be pages that nobody touched; these are written, so the kernel must really give them.
    kept.append(b"x" * (LEAK_KIB << 10))
    leaked = len(kept) * LEAK_KIB
    body = f" body={len(request.get_data(cache=False))}" if request.method == "POST" else ""
    time.sleep(request.args.get("hold", 0, type=float))
    slot = os.environ.get("ROTA_SLOT") or "-"
    generation = os.environ.get("ROTA_GENERATION") or "-"
    line = f"pid={os.getpid()} slot={slot} generation={generation} leaked={leaked} KiB{body}\n"
    return app.response_class(line, mimetype="text/plain")


@app.get("/health")
def health():
    return app.response_class("ok\n", mimetype="text/plain")


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(os.environ.get("PORT") or 8080))
