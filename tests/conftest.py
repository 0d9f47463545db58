"""People, sites and places that every test may use, and clear reasons where a machine lacks something."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

    from accounts.models import Role, Site, User

REPOSITORY = Path(__file__).resolve().parents[1]
DATASET = Path(os.environ.get("ISOLINE_DATASET", REPOSITORY.parent / "shared" / "ecg"))
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
ON_CI = os.environ.get("CI") == "true"

# Tests with processes of their own: side by side they would wait for each other longer than they may.
WITH_PROCESSES = ("services", "story", "browser")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByFolder(config, log)


class ByFolder(LoadScopeScheduling):
    """One folder's tests run in one process, so that what they share is made once."""

    def _split_scope(self, nodeid: str) -> str:
        folder = str(Path(nodeid.partition("::")[0]).parent.relative_to("tests"))
        return "with processes" if folder in WITH_PROCESSES else folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # They take longest, so they come first.
    items.sort(key=lambda item: item.path.parent.name not in WITH_PROCESSES)
    for item in items:
        if item.get_closest_marker("dataset") and not (DATASET / "manifest.csv").is_file():
            item.add_marker(pytest.mark.skip(reason=f"no ECG pages in {DATASET}; set ISOLINE_DATASET to their folder"))
        if item.get_closest_marker("browser") and CHROMIUM is None and not ON_CI:
            item.add_marker(pytest.mark.skip(reason="no Chromium on the path; install it or set CHROMIUM to its file"))


@pytest.fixture(scope="session")
def dataset() -> Path:
    """The folder of real pages; only for tests marked ``dataset``."""
    return DATASET


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's file; only for tests marked ``browser``."""
    if CHROMIUM is None:
        pytest.fail("Chromium is missing and CI=true: install it or set CHROMIUM to its file")
    return CHROMIUM


def _service(variable: str, default: str) -> str:
    url = os.environ.get(variable, default)
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "127.0.0.1", address.port or 0), timeout=2).close()
    except OSError:
        reason = f"nothing answers at {address.hostname}:{address.port}; start it or set {variable}"
        if ON_CI:
            pytest.fail(reason)
        pytest.skip(reason)
    return url


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A PostgreSQL database that tests may create others beside; only for tests marked ``services``."""
    return _service("ISOLINE_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432/test")


@pytest.fixture(scope="session")
def redis_url() -> str:
    return _service("ISOLINE_TEST_REDIS", "redis://127.0.0.1:6379/15")


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    return _service("ISOLINE_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//")


@pytest.fixture(autouse=True)
def _own_media_and_cache(settings: SettingsWrapper, tmp_path: Path) -> None:
    """Stored pages of one test are invisible to the next, and so are throttle counts."""
    from django.core.cache import cache

    settings.MEDIA_ROOT = str(tmp_path / "media")
    cache.clear()


@pytest.fixture
def site(db: None) -> Site:
    from accounts.models import Site

    return Site.objects.create(name="North Hospital")


@pytest.fixture
def other_site(db: None) -> Site:
    from accounts.models import Site

    return Site.objects.create(name="South Hospital")


PASSWORD = "correct horse battery"


def _user(name: str, role: Role, *sites: Site) -> User:
    from accounts.models import User

    user = User.objects.create_user(name, f"{name}@hospital.invalid", PASSWORD, role=role)
    user.sites.set(sites)
    return user


@pytest.fixture
def password() -> str:
    """The password of every person below."""
    return PASSWORD


@pytest.fixture
def clinician(site: Site) -> User:
    from accounts.models import Role

    return _user("carla", Role.CLINICIAN, site)


@pytest.fixture
def other_clinician(other_site: Site) -> User:
    from accounts.models import Role

    return _user("otto", Role.CLINICIAN, other_site)


@pytest.fixture
def reviewer(site: Site) -> User:
    from accounts.models import Role

    return _user("rosa", Role.REVIEWER, site)


@pytest.fixture
def administrator(db: None) -> User:
    from accounts.models import Role

    return _user("ada", Role.ADMINISTRATOR)


@pytest.fixture
def api_client_user(site: Site) -> User:
    from accounts.models import Role

    return _user("gateway", Role.API_CLIENT, site)
