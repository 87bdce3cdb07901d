"""How long randomised tests look: seconds in the normal run, and as long as it takes with HYPOTHESIS_PROFILE=deep."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"

patient = pytest.mark.timeout(0 if DEEP else 180)
"""For a test that looks deeper than it may take otherwise."""


def looks(usual: int, deep: int, **more: Any) -> settings:
    """Settings for so many examples: the same ones each time in the normal run, others each time in a deep one."""
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    return settings(
        max_examples=deep if DEEP else usual,
        derandomize=not DEEP,
        suppress_health_check=slow,
        **more,
    )
