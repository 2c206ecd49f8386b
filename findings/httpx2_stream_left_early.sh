#!/bin/sh
# Guess: who leaves a streamed response of httpx2 early, with `aclosing` around its iterator and `async with` around the
# response, has closed all that was opened; the library itself wraps its own iterators in `aclosing`.
# What happens: two of its layers do, and below them PoolByteStream iterates what httpcore2 gives it without closing it.
# Its generators are left suspended and go to the garbage collector, which has the event loop close them some time later.
# A response that is read to its end leaves none.
# Why it matters: a client of server-sent events leaves early whenever an error comes inside the stream, or when it has
# seen `[DONE]`. What such a late close raises appears in no try block: it goes to standard error, and a loop that ends
# before leaves the socket open. Reading the rest of the stream, for a second at the most, avoids it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q httpx2==2.16.2 httpcore2==2.16.2
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import gc
import sys
from contextlib import aclosing, suppress

import httpx2

EVENTS = b"event: ping\ndata: {}\n\n" * 3


async def serve(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    with suppress(ConnectionError):
        for _ in range(3):
            writer.write(f"{len(EVENTS):x}\r\n".encode() + EVENTS + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)
        writer.write(b"0\r\n\r\n")
    writer.close()


async def left_by(client, url, early):
    left = []
    sys.set_asyncgen_hooks(finalizer=lambda generator: left.append(generator.__qualname__))
    async with client.stream("GET", url) as response, aclosing(response.aiter_bytes()) as chunks:
        async for _ in chunks:
            if early:
                break
    gc.collect()
    return left


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with httpx2.AsyncClient(trust_env=False) as client:
        whole, early = await left_by(client, url, early=False), await left_by(client, url, early=True)
    await asyncio.sleep(0.3)
    server.close()
    print(f"httpx2 {httpx2.__version__} on Python {sys.version.split()[0]}")
    print("generators left to the garbage collector after the whole response:", whole)
    print("after its first chunk, with aclosing around the iterator:", early)
    return 0 if not whole and "PoolByteStream.__aiter__" in early else 1


sys.exit(asyncio.run(main()))
PYTHON
