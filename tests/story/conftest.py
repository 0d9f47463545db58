"""An installation as a hospital has it: web, workers and beat on PostgreSQL and Redis; mail goes into a folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.services.conftest import make_page, private_redis
from tests.services.installation import Installation, private_database

__all__ = ["make_page", "private_redis"]


@pytest.fixture(scope="module")
def hospital(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, private_redis: object
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("hospital")
    with private_database(postgres_url) as database_url:
        installation = Installation(folder, database_url, private_redis.url)  # type: ignore[attr-defined]
        installation.settings["EMAIL_URL"] = f"filemail:///{folder / 'mail'}"
        # The explaining worker loads TensorFlow first, and a busy machine takes its time.
        limits = {"SOFT_LIMIT_S": 200, "HARD_LIMIT_S": 210, "LEASE_S": 211}
        installation.settings |= {f"ISOLINE_EXPLAIN_{name}": str(limit) for name, limit in limits.items()}
        try:
            installation.set_up()
            installation.start_web()
            installation.start_worker()
            installation.start_explainer()
            installation.start_beat()
            yield installation
        finally:
            installation.tear_down()


@pytest.fixture(scope="module")
def chromium_browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()
