"""How long the event loop is held up while uploads are at their most."""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from bench.load import wrk
from bench.measuring import Measure, Sample
from bench.outcomes import Failed
from bench.peers.fastapi import ROOT
from bench.peers.peer import Upload
from bench.processes import Child, free_port
from bench.session import Session
from bench.targets.loads import PATH
from coatcheck.cli import app as command


@dataclass(frozen=True, kw_only=True)
class Held:
    """Milliseconds at most, under Granian; with 64 KiB from 32 connections."""

    unit: str = "ms"
    title: str = "coatcheck"

    def prepare(self, session: Session) -> Measure:
        scale = session.scale

        def measure() -> Sample:
            home = session.new_directory("pulse")
            env = {"COATCHECK_DATA_DIR": str(home / "data"), "COATCHECK_RATE_LIMITS": "off"}
            key = _first_key(env)
            port = free_port()
            url = f"http://127.0.0.1:{port}"
            child = _granian(port, home, env)
            try:
                child.wait_until_it_answers(f"{url}/-/ready")
                how = Upload(path=PATH, headers={"Authorization": f"Bearer {key}"})
                _told(url)  # the start does not count
                wrk.run(
                    url,
                    "deposits.lua",
                    wrk.depositing(how, scale.inlined),
                    connections=32,
                    seconds=scale.seconds,
                )
                told = _told(url)
            finally:
                child.kill()
            return Sample(told["most"], {"99.9 % within, ms": told["p999"], "beats": told["beats"]})

        return measure


def _granian(port: int, home: Path, env: dict[str, str]) -> Child:
    return Child(
        [
            *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory"),
            *("--port", str(port), "bench.targets.heartbeat:create_app"),
        ],
        log=home / "log",
        env={**os.environ, **env},
        cwd=ROOT,
    )


def _first_key(env: dict[str, str]) -> str:
    _coatcheck(env, "db", "upgrade")
    return _coatcheck(env, "keys", "create", "--tenant", "default", "--user", "bench").strip()


def _coatcheck(env: dict[str, str], *arguments: str) -> str:
    ran = CliRunner().invoke(command, arguments, env=env)
    if ran.exit_code:
        raise Failed(f"coatcheck {' '.join(arguments)}: {ran.output}")
    return ran.stdout


def _told(url: str) -> dict[str, float]:
    time.sleep(0.2)
    with urllib.request.urlopen(f"{url}/-/heartbeat", timeout=60) as answer:
        told: dict[str, float] = json.load(answer)
    return told
