"""A real server that speaks S3 (moto), in a process of its own."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

from colonies_edge.client.s3 import S3Settings
from tests.support.brokers import free_port


@contextlib.contextmanager
def object_store() -> Iterator[S3Settings]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, "moto's server did not start"
        yield S3Settings(endpoint=f"127.0.0.1:{port}", bucket="colonies", accesskey="a-key", secretkey="a-secret")
    finally:
        server.kill()
        server.wait()
