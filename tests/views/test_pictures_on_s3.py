"""The same pictures from an S3-compatible storage: passed through, never by a public address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from moto.server import ThreadedMotoServer

from diagnosis.models import Diagnosis, Upload
from tests.views.pictures import picture


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Media in a bucket of a local S3 server."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    where = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    made = boto3.resource("s3", **where).create_bucket(Bucket="isoline")
    options = {"bucket_name": "isoline", "default_acl": "private", "file_overwrite": False, **where}
    settings.STORAGES = {
        **django_settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    yield made
    server.stop()


def test_pictures_come_through_us(
    bucket: Any, browser: Client, take_in: Callable[..., Upload], read: Callable[..., Diagnosis]
) -> None:
    done = read(take_in(5))
    original: Any = browser.get(reverse("diagnosis:original", kwargs={"pk": done.upload_id}))
    layer: Any = browser.get(reverse("diagnosis:heat_layer", kwargs={"pk": done.heatmaps.get().pk}))
    assert original.body == picture(5)
    assert layer.body == picture(98)
    assert "Location" not in layer.headers
    assert len(list(bucket.objects.all())) >= 5


def test_what_the_bucket_has_lost_is_a_404(bucket: Any, browser: Client, take_in: Callable[..., Upload]) -> None:
    upload = take_in(6)
    bucket.objects.all().delete()
    assert browser.get(reverse("diagnosis:page_image", kwargs={"pk": upload.pk})).status_code == 404
