"""The command line, run in its own process as an operator would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def coatcheck(
    data_dir: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 50
) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COATCHECK_")}
    return subprocess.run(
        [sys.executable, "-m", "coatcheck", *arguments],
        env={**inherited, "COATCHECK_DATA_DIR": str(data_dir), **(env or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
