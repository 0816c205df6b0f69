"""Processes of a system: started, looked at, stopped and killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 120.0
"""Seconds until something that does not start has failed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return as soon as someone listens."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"no start:\n{log.read_text()[-3000:]}") from None
            time.sleep(0.005)


def stop(process: subprocess.Popen[bytes], signal_: int = signal.SIGTERM) -> None:
    process.send_signal(signal_)
    process.wait(PATIENCE)


def tree(roots: list[int]) -> list[int]:
    """These processes and all below them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            status = _status(int(entry.name))
            children.setdefault(status.get("PPid", 0), []).append(int(entry.name))
    found, left = [], list(roots)
    while left:
        found.append(left.pop())
        left += children.get(found[-1], [])
    return found


def kill_tree(roots: list[int]) -> None:
    """End them all at once, as the kernel would, and wait until nothing of them is left."""
    found = tree(roots)
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    end = time.monotonic() + PATIENCE
    while any(map(_runs, found)):
        if time.monotonic() > end:
            raise RuntimeError(f"processes that were killed still run: {found}")
        time.sleep(0.005)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def resident(roots: list[int]) -> int:
    """Bytes in memory: what is each process's own, and of what they share the largest once."""
    statuses = [_status(pid) for pid in tree(roots)]
    own = sum(status.get("RssAnon", 0) for status in statuses)
    shared = sum(
        max((status.get(kind, 0) for status in statuses), default=0)
        for kind in ("RssFile", "RssShmem")
    )
    return (own + shared) * 1024


def processor_seconds(roots: list[int]) -> float:
    """What they and all below them have taken of the cores."""
    ticks = 0
    for pid in tree(roots):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _status(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has just ended
        return {}
    pairs = (line.replace(" kB", "").split(":", 1) for line in lines)
    return {name: int(value) for name, value in pairs if value.strip().isdecimal()}


class Memory:
    """The most that was in memory within the block, looked at several times a second."""

    def __init__(self, roots: Callable[[], list[int]]) -> None:
        self.peak = 0
        self._roots = roots
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._ended.wait(0.25):
            self.peak = max(self.peak, resident(self._roots()))

    def __enter__(self) -> Memory:
        self.peak = resident(self._roots())
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()
