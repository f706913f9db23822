"""The application of the comparison, for WSGI servers: no framework, so that what is measured is the server."""

import os
import time
from urllib.parse import parse_qs

time.sleep(float(os.environ.get("BOOT", "0")))

leaked = []  # never emptied


def loaded():
    """Tells that this process can serve, by a file that is named after it."""
    open(os.path.join(os.environ["LOADED"], str(os.getpid())), "w").close()


try:
    import uwsgi  # its workers tell it with a hook, once they accept
except ImportError:
    if "LOADED" in os.environ:
        loaded()
        # A master that has loaded the application forks workers that never load it themselves.
        os.register_at_fork(after_in_child=loaded)


def application(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    kib = int(query.get("leak", ["0"])[0])
    if kib:
        leaked.append(b"x" * (kib << 10))  # written, so that the kernel must really give it
    length = 0
    while chunk := environ["wsgi.input"].read(1 << 16):
        length += len(chunk)
    time.sleep(float(query.get("hold", ["0"])[0]))
    text = f"pid={os.getpid()} id={query.get('id', [''])[0]} length={length}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))])
    return [text]
