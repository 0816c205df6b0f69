"""The official CLI as a process."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests import record
from tests.server import Server

COMMAND = str(Path(sys.executable).with_name("tb"))
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_WITH_VALUE = {"--output", "--host", "--token", "--user-token", "--branch", "--max-depth"}
_GROUPS = {"branch", "connection", "copy", "datasource", "deployment", "endpoint", "infra", "job"}
_GROUPS |= {"local", "materialization", "pipe", "project", "secret", "sink", "test", "token"}
_GROUPS |= {"workspace", "workspace members", "token create", "connection create"}

Ended = subprocess.CompletedProcess[str]


def environment(server: Server, home: Path) -> dict[str, str]:
    """What a shell has in which the CLI finds the server."""
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("TB_")},
        "HOME": str(home),
        "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "DISPLAY": ":0",
        "TB_LOCAL_HOST": "localhost",
        "TB_LOCAL_PORT": str(server.port),
        "TB_CLI_TELEMETRY_OPTOUT": "1",
        "TB_VERSION_WARNING": "0",
    }


def command_of(arguments: tuple[str, ...]) -> str:
    """The command that the arguments name, without options: `datasource ls`."""
    words: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in _WITH_VALUE:
            next(rest)
        elif not argument.startswith("-"):
            words.append(argument)
            if " ".join(words) not in _GROUPS:
                break
    return " ".join(words)


class Cli:
    """The CLI in one folder; every run has the options `options`."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        mode: str = "",
        options: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self.environment = environment
        self.mode = mode
        self.options = options

    def run(self, *arguments: str, stdin: str | None = None) -> Ended:
        """It ends with both outputs in `stdout`, uncoloured."""
        ended = subprocess.run(
            [COMMAND, *self.options, *arguments],
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        ended.stdout = COLOURS.sub("", ended.stdout)
        return ended

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """What a command prints. Fails when the command does."""
        ended = self.run(*arguments, stdin=stdin)
        assert ended.returncode == 0, f"tb {' '.join(arguments)}\n{ended.stdout}"
        record.keep_command(command_of(arguments), self.mode, "works")
        return ended.stdout

    def refused(self, *arguments: str, because: str) -> str:
        """What a command prints that must fail and say why, as it always does here."""
        printed = self.fails(*arguments)
        assert because in printed, printed
        record.keep_command(command_of(arguments), self.mode, "refused", because)
        return printed

    def fails(self, *arguments: str) -> str:
        """What a command prints that must fail this time."""
        ended = self.run(*arguments)
        assert ended.returncode != 0, f"tb {' '.join(arguments)}\n{ended.stdout}"
        assert "Traceback" not in ended.stdout
        return ended.stdout

    def lacks(self, command: str, text: str) -> None:
        """Keep for the table what a command that works does not do."""
        record.keep_command(command, self.mode, "lacks", text)


def entries(printed: str) -> list[dict[str, str]]:
    """The rows of a table that is too wide for the terminal: a block of lines for each."""
    found: list[dict[str, str]] = []
    for block in re.split(r"^-+$", printed, flags=re.MULTILINE):
        pairs = (line.partition(": ")[::2] for line in block.splitlines() if ": " in line)
        found.append(dict(pairs))
    return [entry for entry in found if entry]
