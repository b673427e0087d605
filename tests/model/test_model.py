"""The server against a model of it in dictionaries, through whatever users and machines do."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Coatcheck

QUICK = hypothesis.settings(
    max_examples=4,
    stateful_step_count=25,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
THOROUGH = hypothesis.settings(QUICK, max_examples=200, stateful_step_count=50, derandomize=False)


@pytest.mark.sqlite
@pytest.mark.timeout(300)
def test_the_server_is_as_its_model_says() -> None:
    run_state_machine_as_test(Coatcheck, settings=QUICK)


@pytest.mark.sqlite
@pytest.mark.thorough
@pytest.mark.timeout(3600)
def test_through_hundreds_of_histories_too() -> None:
    run_state_machine_as_test(Coatcheck, settings=THOROUGH)
