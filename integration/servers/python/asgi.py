"""Says who answers, and what it was sent, for uvicorn (asgi:app). A request that is held holds the whole process."""
import os
import time
from hashlib import sha256
from urllib.parse import parse_qs

leaked = []


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
    received, more = b"", True
    while more:
        message = await receive()
        received += message.get("body", b"")
        more = message.get("more_body", False)
    if leak := int(query.get("leak", 0)):
        leaked.append(b"x" * (leak << 10))
    time.sleep(float(query.get("hold", 0)))
    client = (scope["client"] or ["-"])[0]
    slot, generation = os.environ["ROTA_SLOT"], os.environ["ROTA_GENERATION"]
    body = (
        f"pid={os.getpid()} slot={slot} generation={generation} client={client}"
        f' id={query.get("id", "-")} length={len(received)} sha256={sha256(received).hexdigest()}\n'
    ).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
