"""`python -m birdhouse` is the `birdhouse` command."""

from __future__ import annotations

from birdhouse.cli import main

main()
