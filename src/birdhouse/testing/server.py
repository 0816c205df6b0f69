"""The one birdhouse of a test run.

The first process that needs it starts it, those of pytest-xdist share it, and it ends when the
last of them does, however that comes about: each holds a shared lock on a file, which the kernel
gives up with the process, and the server waits for the lock to be all its own.

In the folder of the run: `starting` is locked while somebody looks for the server or starts it,
`users` is the file above, `address` holds the URL, and `running` is locked as long as it runs.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from birdhouse.testing.hosts import HostError


@contextmanager
def shared_server(folder: Path) -> Iterator[str]:
    """The URL of the run's server, which lives at least as long as the block.

    Raises `HostError` when it cannot be started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        with (folder / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not _is_running(folder):
                _start(folder)
        yield (folder / "address").read_text()


def _is_running(folder: Path) -> bool:
    with (folder / "running").open("w") as running:
        try:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _start(folder: Path) -> None:
    """Start the server, and return when it answers."""
    command = [sys.executable, "-m", "birdhouse.testing.server", str(folder)]
    log = folder / "log"
    with log.open("w") as errors:
        # The starter ends as soon as the server is up, and leaves no child behind.
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=errors, check=False)
    if ended.returncode:
        raise HostError(f"birdhouse did not start:\n{log.read_text()}")


def _main(folder: Path) -> None:
    """Fork, serve in the child, and end in the parent once the child listens, or has failed."""
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        with os.fdopen(reading) as address:
            sys.exit(0 if address.read() else 1)
    os.close(reading)
    os.setsid()
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with (folder / "running").open("w") as running, os.fdopen(writing, "w") as address:
        fcntl.flock(running, fcntl.LOCK_EX)
        _serve(folder, address)


def _serve(folder: Path, address: IO[str]) -> None:
    # Not before the fork: the engine does not live through one.
    from birdhouse.ingest import RemoteLimits
    from birdhouse.server import listen, open_services, serve

    def ready() -> None:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        (folder / "address").write_text(url)
        address.write(url)
        address.close()

    # An exit like any other, also while the server starts: what is open gets closed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    threading.Thread(target=_end_with_the_users, args=(folder,), daemon=True).start()
    with ExitStack() as stack:
        listener = stack.enter_context(listen("127.0.0.1", 0))
        stack.callback(shutil.rmtree, folder / "data")
        services = stack.enter_context(open_services(folder / "data", RemoteLimits()))
        serve(services, listener, ready)


def _end_with_the_users(folder: Path) -> None:
    with (folder / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
