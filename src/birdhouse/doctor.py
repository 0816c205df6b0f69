"""What keeps birdhouse from working on this machine, and what to do about it.

Nothing is imported that may be what is broken: packages are looked up, the engine is tried in a
process of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from birdhouse.datadir import DataDir

PYTHONS = ((3, 11), (3, 14))
"""The first version that works, and the first that does not."""
CLI = "5.0.2"
"""The version of the tb command whose server birdhouse is."""

_GB = 1000**3
_LITTLE_DISK = _GB
_NO_DISK = _GB // 10
_LITTLE_MEMORY = 2 * _GB
_FEW_FILES = 1024
_PIN = re.compile(r"([A-Za-z0-9._-]+)\s*(?:==([^;,\s]+))?")
_TRY_ENGINE = """
import tempfile
from pathlib import Path
from birdhouse.engine import Engine
with tempfile.TemporaryDirectory() as folder:
    engine = Engine(Path(folder) / "clickhouse")
    engine.execute("SELECT 1")
    engine.close()
"""


class Finding(NamedTuple):
    """What one look gave; with anything but `ok` comes advice."""

    level: Literal["ok", "warning", "problem"]
    text: str
    advice: str = ""


def examine(port: int, place: DataDir) -> Iterator[Finding]:
    """Every look, one after the other."""
    yield _python()
    yield from _packages()
    yield from _command_line()
    yield _engine()
    yield from _data_dir(place)
    yield from _machine(place.path.absolute())
    yield _port(port, place)


def _python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        return Finding("ok", f"Python {found}")
    return Finding(
        "problem",
        f"Python {found} is not one that birdhouse runs on",
        "Install birdhouse with Python 3.11, 3.12 or 3.13",
    )


def _packages() -> Iterator[Finding]:
    """What birdhouse declares, against what is installed."""
    try:
        needed = metadata.requires("birdhouse") or []
    except metadata.PackageNotFoundError:
        yield Finding(
            "warning",
            "birdhouse is not installed as a package, so what it needs is not known",
            "Run pip install in its folder",
        )
        return
    wrong = [said for line in needed if "extra ==" not in line and (said := _package(line))]
    if wrong:
        advice = "In a clone run make setup; elsewhere pip install --force-reinstall birdhouse"
        yield Finding("problem", "; ".join(wrong), advice)
    else:
        yield Finding("ok", "Every package that birdhouse needs")


def _package(requirement: str) -> str:
    """What is wrong with a declared package; '' for nothing."""
    match = _PIN.match(requirement)
    assert match is not None
    name, pin = match.groups()
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"The package {name} is missing"
    if pin and found != pin:
        return f"The package {name} is {found} where birdhouse needs {pin}"
    return ""


def _command_line() -> Iterator[Finding]:
    """The tb command that a shell would start."""
    path = shutil.which("tb")
    if path is None:
        beside = Path(sys.executable).with_name("tb")
        yield Finding(
            "warning",
            "There is no tb command on the PATH",
            f"Add its folder: export PATH={beside.parent}:$PATH"
            if beside.exists()
            else f"Install it: pip install tinybird=={CLI}",
        )
        return
    environment = {**os.environ, "TB_CLI_TELEMETRY_OPTOUT": "1", "TB_VERSION_WARNING": "0"}
    try:
        said = subprocess.run(
            [path, "--version"], env=environment, capture_output=True, text=True, timeout=30
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("problem", f"{path} does not start: {error}", f"pip install tinybird=={CLI}")
        return
    version = re.search(r"\d+\.\d+\.\d+\S*", said)
    found = version[0].rstrip(",") if version else "of an unknown version"
    if found == CLI:
        yield Finding("ok", f"tb {found} ({path})")
    else:
        yield Finding(
            "warning",
            f"tb is {found} ({path}); birdhouse is tested with {CLI}",
            f"pip install tinybird=={CLI} (tinybird-cli is another, older program)",
        )


def _engine() -> Finding:
    """ClickHouse starts, which takes an instruction set and a C library that it knows."""
    tried = subprocess.run(
        [sys.executable, "-c", _TRY_ENGINE], capture_output=True, text=True, timeout=120
    )
    if tried.returncode == 0:
        return Finding("ok", "ClickHouse starts")
    said = tried.stderr.strip().splitlines()
    reason = said[-1] if said else f"it ended with {tried.returncode}"
    return Finding(
        "problem",
        f"ClickHouse does not start: {reason}",
        "Reinstall chdb-core for this machine; it needs Linux with glibc or macOS, "
        "on x86-64 or ARM64",
    )


def _data_dir(place: DataDir) -> Iterator[Finding]:
    data_dir = place.path
    if not data_dir.exists():
        parent = next(folder for folder in data_dir.absolute().parents if folder.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            yield Finding("ok", f"The data dir {data_dir} will be made at the first start")
        else:
            yield Finding(
                "problem",
                f"The data dir {data_dir} cannot be made: {parent} is not writable",
                "Change its owner, or name another one with --data-dir",
            )
        return
    closed = [
        path
        for path in (data_dir, place.store, place.clickhouse, place.ingest)
        if path.exists() and not os.access(path, os.W_OK)
    ]
    if closed:
        yield Finding(
            "problem",
            f"{closed[0]} is not writable",
            f"Change its owner: chown -R $(id -u) {data_dir}; or name another with --data-dir",
        )
    elif place.restoring.exists():
        yield Finding(
            "problem",
            f"A restore into {data_dir} was cut off",
            "Delete the folder and restore again",
        )
    elif place.in_use:
        server = place.server
        by = f"process {server.pid}, {server.url}" if server else "a birdhouse that starts or ends"
        yield Finding("ok", f"The data dir {data_dir} is in use ({by})")
    else:
        yield Finding("ok", f"The data dir {data_dir} is free")
    aside = len(list(place.ingest.glob("*.failed")))
    if aside:
        yield Finding(
            "warning",
            f"{aside} batches of rows could not be stored after a crash and are set aside",
            f"Look at {place.ingest}/*.failed: each is a statement that can be run by hand",
        )


def _machine(data_dir: Path) -> Iterator[Finding]:
    there = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / _GB:.1f} GB of disk are free"
    if free < _LITTLE_DISK:
        advice = f"Make room, or move the data dir: merges need space for a copy of {data_dir}"
        yield Finding("problem" if free < _NO_DISK else "warning", text, advice)
    else:
        yield Finding("ok", text)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    text = f"{memory / _GB:.1f} GB of memory"
    if memory < _LITTLE_MEMORY:
        advice = "Birdhouse gives ClickHouse half of it: large queries will be refused"
        yield Finding("warning", text, advice)
    else:
        yield Finding("ok", text)
    files = _open_files()
    if files < _FEW_FILES:
        advice = f"Raise it before the start: ulimit -n {_FEW_FILES * 16}"
        yield Finding("warning", f"A process may open {files} files", advice)


def _open_files() -> int:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _port(port: int, place: DataDir) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return Finding("problem", f"Port {port} needs more rights", "Choose one above 1023")
        except OSError:
            pass
        else:
            return Finding("ok", f"Port {port} is free")
    server = place.server
    if server is not None and server.port == port:
        return Finding("ok", f"Port {port} is that of the birdhouse on {place.path}")
    occupant = "another birdhouse, or Tinybird Local" if _is_birdhouse(port) else "another program"
    return Finding(
        "problem",
        f"Port {port} is in use by {occupant}",
        "Stop it, or choose another port with --port",
    )


def _is_birdhouse(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/tokens", timeout=2) as answer:
            return b"workspace_admin_token" in answer.read(10_000)
    except (OSError, ValueError):
        return False
