"""Says who answers, for uvicorn (asgi:app). A request that is held holds the whole process."""
import os
import time
from urllib.parse import parse_qs


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    query = parse_qs(scope["query_string"].decode())
    time.sleep(float(query.get("hold", ["0"])[0]))
    client = (scope["client"] or ["-"])[0]
    slot, generation = os.environ["ROTA_SLOT"], os.environ["ROTA_GENERATION"]
    body = f"pid={os.getpid()} slot={slot} generation={generation} client={client}\n".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
