"""The web process stays small: TensorFlow and the laboratory belong to others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

VISIT_EVERYTHING = """
import json, sys
from io import BytesIO
from ecgsite.wsgi import application
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, get_resolver
from accounts.models import Role, Site, User

call_command("migrate", verbosity=0)
site = Site.objects.create(name="Ward")
user = User.objects.create_superuser("ada", role=Role.ADMINISTRATOR)
user.sites.add(site)
client = Client(raise_request_exception=True)
client.force_login(user)

def addresses(patterns, prefix=""):
    for pattern in patterns:
        text = prefix + str(pattern.pattern).lstrip("^").rstrip("$Z").rstrip("\\\\")
        if isinstance(pattern, URLPattern):
            yield "/" + text
        else:
            yield from addresses(pattern.url_patterns, text)

answers = {}
for address in addresses(get_resolver().url_patterns):
    if "<" not in address and "(" not in address:
        answers[address] = client.get(address).status_code
page = BytesIO(open("static/examples/synthetic_ecg_page.png", "rb").read())
page.name = "page.png"
answers["upload"] = client.post("/api/v1/uploads/", {"file": page, "site": site.pk}).status_code
loaded = {name.partition(".")[0] for name in sys.modules}
heavy = sorted(loaded & {"tensorflow", "keras", "tf_keras_vis", "scipy", "sklearn", "albumentations"})
print(json.dumps({"answers": answers, "heavy": heavy}))
"""


def test_no_address_makes_the_web_process_import_tensorflow(tmp_path: Path):
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", VISIT_EVERYTHING],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "ecgsite.settings.test",
            "ISOLINE_DATA_DIR": str(tmp_path),
            "DATABASE_URL": f"sqlite:///{tmp_path / 'web.sqlite3'}",
            "BROKER_URL": "embedded://",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout.splitlines()[-1])
    assert seen["heavy"] == []
    assert seen["answers"]["upload"] == 201
    assert seen["answers"]["/"] == 200
    assert len(seen["answers"]) > 20
    # No worker is there, and /readyz says so.
    assert [address for address, status in seen["answers"].items() if status >= 500] == ["/readyz"]
