"""Things that happen at the same moment, in a database where they really do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.diagnosis.files import encoded, pdf
from tests.services.installation import Installation, private_database

# Each thread has a connection of its own; the barrier lets them go at once.
AT_ONCE = """
import threading
from concurrent.futures import ThreadPoolExecutor
from django.db import connection

def at_once(act, times):
    barrier = threading.Barrier(times)
    def one(number):
        try:
            barrier.wait()
            return act(number)
        finally:
            connection.close()
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))

import json
from pathlib import Path
from django.conf import settings
from accounts.models import Site, User
from diagnosis import deletion, intake, model_registry, pipeline
from diagnosis.models import Diagnosis, ModelVersion, Upload
user, site = User.objects.get(), Site.objects.get()
"""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        installation = Installation(folder)
        installation.set_up()
        yield installation
        return
    with private_database(request.getfixturevalue("postgres_url")) as url:
        # The broker is the embedded one; no worker listens.
        installation = Installation(folder, url)
        installation.set_up()
        yield installation


def told(database: Installation, code: str) -> dict[str, object]:
    return dict(json.loads(database.run(AT_ONCE + code).splitlines()[-1]))


def test_the_same_file_sent_eight_times_at_once_becomes_one_page(database: Installation, tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(encoded("PNG", 7))
    answer = told(
        database,
        f"data = Path({str(file)!r}).read_bytes()\n"
        "files = lambda: len([f for f in Path(settings.MEDIA_ROOT).rglob('*') if f.is_file()])\n"
        "before = files()\n"
        "answers = at_once(lambda n: intake.accept(data=data, original_name='a.png', user=user, site=site), 8)\n"
        "upload = Upload.objects.get(sha256=answers[0].uploads[0].sha256)\n"
        "print(json.dumps({\n"
        "    'new': sum(a.duplicate_of is None for a in answers),\n"
        "    'keys': len({str(a.uploads[0].pk) for a in answers}),\n"
        "    'readings': upload.diagnoses.count(),\n"
        "    'files': files() - before,\n"
        "}))",
    )
    assert answer == {"new": 1, "keys": 1, "readings": 1, "files": 3}


def test_of_eight_workers_that_claim_at_once_one_gets_the_page(database: Installation, tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(encoded("PNG", 8))
    answer = told(
        database,
        f"data = Path({str(file)!r}).read_bytes()\n"
        "pk = intake.accept(data=data, original_name='a.png', user=user, site=site).uploads[0].diagnoses.get().pk\n"
        "claims = at_once(lambda n: pipeline.claim(pk, task_id=str(n)), 8)\n"
        "row = Diagnosis.objects.get(pk=pk)\n"
        "print(json.dumps({'claims': sum(c is not None for c in claims), 'attempts': row.attempts}))",
    )
    assert answer == {"claims": 1, "attempts": 1}


def test_two_requests_to_read_a_page_again_make_one_new_reading(database: Installation, tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(encoded("PNG", 9))
    answer = told(
        database,
        f"data = Path({str(file)!r}).read_bytes()\n"
        "first = intake.accept(data=data, original_name='a.png', user=user, site=site).uploads[0].diagnoses.get()\n"
        "pipeline.reject(pipeline.claim(first.pk, task_id='x'), 'not_an_ecg_page')\n"
        "again = at_once(lambda n: pipeline.requeue(first, requested_by=user), 8)\n"
        "print(json.dumps({'new': len({str(d.pk) for d in again}), 'rows': first.upload.diagnoses.count()}))",
    )
    assert answer == {"new": 1, "rows": 2}


def test_pages_of_one_file_erased_at_once_leave_nothing_behind(database: Installation, tmp_path: Path) -> None:
    file = tmp_path / "pages.pdf"
    file.write_bytes(pdf(4))
    answer = told(
        database,
        f"data = Path({str(file)!r}).read_bytes()\n"
        "User.objects.filter(pk=user.pk).update(role='administrator')\n"
        "user.refresh_from_db()\n"
        "pages = intake.accept(data=data, original_name='a.pdf', user=user, site=site).uploads\n"
        "for page in pages: deletion.delete(page, user)\n"
        "at_once(lambda n: deletion.erase(pages[n], user), 4)\n"
        "sha256 = pages[0].sha256\n"
        "print(json.dumps({\n"
        "    'rows': Upload.objects.filter(sha256=sha256).count(),\n"
        "    'files': len([f for f in Path(settings.MEDIA_ROOT).rglob(sha256 + '/*')]),\n"
        "}))",
    )
    assert answer == {"rows": 0, "files": 0}


def test_two_activations_at_once_leave_one_active_model(database: Installation) -> None:
    answer = told(
        database,
        "import shutil\n"
        "versions = []\n"
        "for number in range(4):\n"
        "    folder = Path(shutil.copytree(settings.ISOLINE_BUNDLE, settings.DATA_DIR / f'bundle{number}'))\n"
        "    manifest = json.loads((folder / 'bundle.json').read_text())\n"
        "    (folder / 'bundle.json').write_text(json.dumps(manifest | {'version': str(number)}))\n"
        "    versions.append(model_registry.register(folder))\n"
        "at_once(lambda n: model_registry.activate(versions[n], user), 4)\n"
        "print(json.dumps({'active': ModelVersion.objects.filter(is_active=True).count()}))",
    )
    assert answer == {"active": 1}


def test_the_same_request_sent_eight_times_at_once_is_carried_out_once(database: Installation, tmp_path: Path) -> None:
    file = tmp_path / "page.png"
    file.write_bytes(encoded("PNG", 10))
    answer = told(
        database,
        "from django.core.files.uploadedfile import SimpleUploadedFile\n"
        "from rest_framework.test import APIClient\n"
        f"data = Path({str(file)!r}).read_bytes()\n"
        "def send(number):\n"
        "    client = APIClient(HTTP_IDEMPOTENCY_KEY='order-1', HTTP_HOST='localhost')\n"
        "    client.force_authenticate(user)\n"
        "    form = {'file': SimpleUploadedFile('page.png', data)}\n"
        "    return client.post('/api/v1/uploads/', form, format='multipart')\n"
        "answers = at_once(send, 8)\n"
        "last = send(8)\n"
        "codes = sorted(a.status_code for a in answers)\n"
        "first = [a for a in answers if a.status_code == 201 and 'Idempotency-Replayed' not in a]\n"
        "print(json.dumps({\n"
        "    'carried out': len(first),\n"
        "    'other answers': sorted(set(codes) - {201, 409}),\n"
        "    'replayed': last.json() == first[0].json() and last['Idempotency-Replayed'],\n"
        "}))",
    )
    assert answer == {"carried out": 1, "other answers": [], "replayed": "true"}
