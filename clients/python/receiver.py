"""Runs a WSGI app on a free loopback port, in a thread, and remembers what it was asked."""

import threading

from werkzeug.serving import make_server


class Receiver:
    def __init__(self, app):
        self._requests: list[tuple[str, int]] = []
        self._lock = threading.Lock()
        app.after_request_funcs.setdefault(None, []).append(self._note)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def count(self, method: str, status: int) -> int:
        with self._lock:
            return self._requests.count((method, status))

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(10)

    def _note(self, response):
        from flask import request

        with self._lock:
            self._requests.append((request.method, response.status_code))
        return response


class Collected:
    """Events a handler was given, safe to read from the test while the handler adds to them."""

    def __init__(self):
        self._events: list = []
        self._lock = threading.Lock()

    def add(self, event) -> None:
        with self._lock:
            self._events.append(event)

    def all(self) -> list:
        with self._lock:
            return list(self._events)

    def first(self, wanted):
        return next((event for event in self.all() if wanted(event)), None)
