"""Every values file, rendered once a session."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.deploy.chart import VALUES, Object, render


@pytest.fixture(scope="session")
def rendered() -> dict[str, list[Object]]:
    """The objects that each of the chart's values for CI makes, by its name."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(VALUES, pool.map(render, VALUES), strict=True))
