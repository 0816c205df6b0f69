"""The commands beside `serve` and `up`, a module for what belongs together."""

from __future__ import annotations

from birdhouse.commands.archives import backup, restore_
from birdhouse.commands.doctor import doctor
from birdhouse.commands.quarantine import quarantine
from birdhouse.commands.transfer import export, import_

COMMANDS = (backup, restore_, export, import_, quarantine, doctor)

__all__ = ["COMMANDS"]
