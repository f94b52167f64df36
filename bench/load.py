"""Server processes that can be killed, and load on them over kept connections."""

import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """An app as bootstrap.py serves it: two workers of one thread."""

    def __init__(self, target: str, log: Path, settings: dict[str, str]) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = probe.getsockname()
        self.host = f"localhost:{self.address[1]}"
        listen = ("--host", "127.0.0.1", "--port", str(self.address[1]), "--no-access-log")
        size = ("--workers", "2", "--blocking-threads", "1", "--interface", "wsgi", "--factory")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "granian", *listen, *size, target],
            cwd=ROOT,
            env=os.environ | settings,
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while not self.answers():
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.05)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(self.address) == 0

    def kill(self) -> None:
        """Dead at once, workers too; returns when nothing answers at its port."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        while self.answers():
            time.sleep(0.05)

    def request(self, path: str, *headers: str, body: bytes | None = None) -> bytes:
        first = f"{'GET' if body is None else 'POST'} {path} HTTP/1.1"
        lines = (first, f"Host: {self.host}", f"Content-Length: {len(body or b'')}", *headers)
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")

    def ask(self, request: bytes) -> tuple[str, bytes]:
        """Head and body of the answer."""
        with socket.create_connection(self.address) as connection:
            return exchange(connection, request)

    def load(self, streams: list[Iterable[bytes]], seconds: float) -> "Figures":
        """Each stream of requests over a connection of its own, until its end or the time's."""
        before, start = cpu(self.process.pid), time.perf_counter()
        with ThreadPoolExecutor(len(streams)) as pool:
            found = pool.map(lambda stream: list(self._times(stream, start + seconds)), streams)
            times = sorted(ms for some in found for ms in some)
        count, took = len(times), time.perf_counter() - start
        spent = (cpu(self.process.pid) - before) * 1000
        p99 = times[int(count * 0.99)]
        return Figures(count / took, spent / count, statistics.median(times), p99)

    def _times(self, stream: Iterable[bytes], until: float) -> Iterator[float]:
        with socket.create_connection(self.address) as connection:
            for request in stream:
                if (start := time.perf_counter()) > until:
                    return
                exchange(connection, request)
                yield (time.perf_counter() - start) * 1000


class Figures(NamedTuple):
    rate: float  # requests a second
    cpu: float  # ms of the server's processes for a request
    p50: float  # ms
    p99: float


def exchange(connection: socket.socket, request: bytes) -> tuple[str, bytes]:
    """With http.client the client would cost more than bare Flask costs the server."""
    connection.sendall(request)
    answer, end, whole = b"", -1, 0
    while end < 0 or len(answer) < whole:
        answer += connection.recv(1 << 18) or sys.exit("the server hung up")
        if end < 0 and (end := answer.find(b"\r\n\r\n")) > 0:
            whole = end + 4 + int(LENGTH.search(answer)[1])
    assert answer[9:10] == b"2", answer[:300]
    return answer[:end].decode("latin-1"), answer[end + 4 :]


def cpu(pid: int) -> float:
    """Seconds used by a process and its children: what other work on the machine moves least."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in lists for child in path.read_text().split()]
    return (int(fields[11]) + int(fields[12])) / TICK + sum(map(cpu, children))
