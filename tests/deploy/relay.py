"""A small proxy: passes requests on to a server, and websockets in both directions."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable


class Relay:
    """Listens at `port`, and asks the server at another port, each time over a connection of its own.

    It leaves out the headers `dropped`, and passes on what `changed` makes of an answer.
    """

    def __init__(self, port: int, *, dropped: str = "", changed: Callable[[bytes], bytes] = bytes) -> None:
        self._target, self._dropped, self._changed = ("127.0.0.1", port), dropped.lower().split(), changed
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._target) as server:
            told = b""
            while b"\r\n\r\n" not in told:
                told += client.recv(1 << 16) or b"\r\n\r\n"
            head, end, body = told.partition(b"\r\n\r\n")
            first, *lines = head.split(b"\r\n")
            headers = {line.partition(b":")[0].lower().decode(): line for line in lines}
            is_socket = "upgrade" in headers.keys() - {*self._dropped}
            gone = {*self._dropped} if is_socket else {*self._dropped, "connection", "accept-encoding"}
            kept = [line for name, line in headers.items() if name not in gone]
            server.sendall(b"\r\n".join([first, *kept, *([] if is_socket else [b"Connection: close"])]) + end + body)
            threading.Thread(target=_pump, args=(client, server), daemon=True).start()
            _pump(server, client, None if is_socket else self._changed)


def _pump(source: socket.socket, target: socket.socket, changed: Callable[[bytes], bytes] | None = None) -> None:
    """Pass on all that comes; at its end, if it is to be changed."""
    kept = b""
    with contextlib.suppress(OSError):
        while part := source.recv(1 << 16):
            if changed is None:
                target.sendall(part)
            else:
                kept += part
        if changed is not None:
            target.sendall(changed(kept))
        target.shutdown(socket.SHUT_WR)
