"""Answers `GET /metrics`, and nothing else, from threads of its own; what it shows is put there by somebody else."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from colonies_edge.apps.prometheus import CONTENT_TYPE, exposition, upstream
from colonies_edge.protocol.limits import MONITOR_CONNECTIONS_MAX, MONITOR_READ_S


class _Handler(BaseHTTPRequestHandler):
    server: "MonitorServer"
    timeout = MONITOR_READ_S
    server_version, sys_version = "colonies-edge", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, "only /metrics is here")
            return
        body = self.server.page
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """A scrape every few seconds is no event."""


class MonitorServer(ThreadingHTTPServer):
    """Listens from construction on; `page` is replaced whenever there are new numbers."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        self.page = exposition(upstream(None))
        self._room = threading.Semaphore(MONITOR_CONNECTIONS_MAX)
        if ":" in host:
            import socket

            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, name="monitor", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Whoever comes when all connections are taken is turned away."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that goes away in the middle is no defect of ours."""

    def stop(self) -> None:
        """Close the port."""
        self.shutdown()
        self.server_close()
        self._thread.join()
