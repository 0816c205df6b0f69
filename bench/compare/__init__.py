"""Birdhouse with this project beside what people would use instead: `python -m bench.compare`.

`work` is what everyone has to do, `truth` what the answers are, `systems/` who does it, a file for
each; `measure` takes the times and `report` writes them down.
"""
