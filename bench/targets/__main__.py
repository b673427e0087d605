"""Measure what the server promises in figures, and say whether it keeps it.

scripts/targets                          everything, in an hour and a half; half an hour of it is the soak
scripts/targets --only drain 'away-*'    by the beginning of their names, or by patterns
scripts/targets --json now.json --check  for programs: figures, and 1 where a goal is missed
scripts/targets --read a.json --write-docs   no measuring: the figures of these files
"""

from __future__ import annotations

import sys

from bench.program import Program, main
from bench.targets.rows import ROWS

if __name__ == "__main__":
    sys.exit(main(Program(name="scripts/targets", about=__doc__ or "", rows=ROWS)))
