"""Measure, and say what came out.

scripts/bench                            everything, in the better part of an hour; Ctrl-C: what there is by then
scripts/bench --only raw 'small-32*'     rows by the beginning of their names, or by patterns
scripts/bench --json now.json --check    for programs: figures, and 1 where a bar is missed
scripts/bench --read a.json b.json --write-docs   no measuring: the rows of these files, of the last that has it
"""

from __future__ import annotations

import sys

from bench.program import Program, main
from bench.rows import ROWS

if __name__ == "__main__":
    sys.exit(main(Program(name="scripts/bench", about=__doc__ or "", rows=ROWS)))
