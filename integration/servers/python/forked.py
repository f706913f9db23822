"""Serves from copies of one process, as servers do that load their application before they fork.

forked.py PORT COPIES HEAP_MIB: each copy has written a quarter of the heap anew, and shares the rest with
the others. It listens only once all have.
"""
import os
import signal
import socket
import sys

port, copies, heap_mib = (int(a) for a in sys.argv[1:])
heap = bytearray(os.urandom(1 << 20)) * heap_mib

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))


def serve(written, go):
    for i in range(0, len(heap) // 4, 4096):
        heap[i] ^= 255
    os.write(written, b"x")
    os.read(go, 1)  # ends when the parent closes it
    while True:
        client, _ = listener.accept()
        with client:
            while b"\r\n\r\n" not in client.recv(65536):
                pass
            body = f"pid={os.getpid()} slot={os.environ.get('ROTA_SLOT', '-')}\n"
            client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())


all_written, written = os.pipe()
go, begin = os.pipe()
for _ in range(copies):
    if os.fork() == 0:
        os.close(begin)
        serve(written, go)
for _ in range(copies):
    os.read(all_written, 1)
listener.listen(128)
os.close(begin)
signal.pause()
