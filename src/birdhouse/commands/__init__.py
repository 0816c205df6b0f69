"""The commands beside `serve` and `up`, a module for what belongs together."""

from __future__ import annotations

from birdhouse.commands.archives import backup, restore_
from birdhouse.commands.doctor import doctor
from birdhouse.commands.transfer import export, import_

COMMANDS = (backup, restore_, export, import_, doctor)

__all__ = ["COMMANDS"]
