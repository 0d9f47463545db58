"""The upload page, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Site, User
from diagnosis.models import Diagnosis, Upload
from tests.views.pictures import picture

PATH = "/"
SCRIPT = {"X-Requested-With": "XMLHttpRequest"}


def file(seed: int = 0, name: str = "page.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture(seed))


def post(client: Client, site: Site, *files: SimpleUploadedFile, by_script: bool = False, **fields: str) -> Any:
    data = {"file": list(files), "site": site.pk, **fields}
    return client.post(PATH, data, headers=SCRIPT if by_script else {})


def test_the_page_names_what_is_accepted_and_offers_an_example(browser: Client) -> None:
    text = browser.get(PATH).content.decode()
    assert "25 MB" in text
    assert "50" in text
    assert ".tiff" in text
    assert "synthetic_ecg_page.png" in text


def test_without_scripts_one_file_leads_to_its_result(browser: Client, site: Site) -> None:
    response = post(browser, site, file(), patient_reference="P-7", note="seen twice")
    upload = Upload.objects.get()
    assert response.url == reverse("diagnosis:result", kwargs={"pk": upload.diagnoses.get().pk})
    assert (upload.patient_reference, upload.note, upload.site) == ("P-7", "seen twice", site)


def test_without_scripts_several_files_are_told_apart(browser: Client, site: Site, take_in: Any) -> None:
    take_in(1)
    letter = SimpleUploadedFile("letter.docx", b"PK\x03\x04 not a picture")
    response = post(browser, site, file(1, "again.png"), file(2, "new.png"), letter)
    text = response.content.decode()
    assert response.status_code == 200
    assert Upload.objects.count() == 2
    for words in ("Already here.", "new.png", "Not accepted.", "letter.docx"):
        assert words in text


def test_a_script_gets_one_row_with_the_address_of_the_result(browser: Client, site: Site) -> None:
    response = post(browser, site, file(), by_script=True)
    reading = Diagnosis.objects.get()
    assert response.status_code == 201
    assert f'data-result-url="{reading.get_absolute_url()}"' in response.content.decode()
    assert "<html" not in response.content.decode()


def test_a_duplicate_is_a_warning_with_the_way_to_the_earlier_one(browser: Client, site: Site, take_in: Any) -> None:
    earlier = take_in(3).diagnoses.get()
    text = post(browser, site, file(3), by_script=True).content.decode()
    assert 'data-kind="duplicate"' in text
    assert earlier.get_absolute_url() in text
    assert "data-result-url" not in text
    assert Upload.objects.count() == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"plain words", "This is not a JPEG, PNG, TIFF, WebP, PDF or DICOM file"),
        (picture()[:400], "damaged or cut short"),
    ],
)
def test_a_refusal_is_a_sentence_to_act_on(browser: Client, site: Site, content: bytes, sentence: str) -> None:
    response = post(browser, site, SimpleUploadedFile("scan.png", content), by_script=True)
    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Upload.objects.exists()


def test_a_file_name_cannot_smuggle_markup_into_the_row(browser: Client, site: Site) -> None:
    text = post(browser, site, SimpleUploadedFile("<img src=x>.png", b"no"), by_script=True).content.decode()
    assert "<img" not in text


def test_a_foreign_site_cannot_be_chosen(browser: Client, other_site: Site, site: Site) -> None:
    response = post(browser, other_site, file(), by_script=True)
    assert response.status_code == 422
    assert not Upload.objects.exists()


def test_the_site_is_asked_for_only_where_there_are_several(
    browser: Client, clinician: User, site: Site, other_site: Site
) -> None:
    one_site = browser.get(PATH).content.decode()
    clinician.sites.add(other_site)
    two_sites = browser.get(PATH).content.decode()
    assert '<input type="hidden" name="site"' in one_site
    assert '<select name="site"' in two_sites


def test_somebody_without_a_site_is_told_whom_to_ask(browser: Client, clinician: User) -> None:
    clinician.sites.clear()
    text = browser.get(PATH).content.decode()
    assert "Ask an administrator" in text
    assert 'type="file"' not in text


def test_an_expired_log_in_is_told_to_the_script_plainly(nobody: Client, site: Site) -> None:
    assert post(nobody, site, file(), by_script=True).status_code == 401


def test_a_form_without_a_file_says_so(browser: Client, site: Site) -> None:
    response = post(browser, site)
    assert response.status_code == 422
    assert "Choose at least one file." in response.content.decode()


def test_every_page_of_a_pdf_gets_its_own_line(browser: Client, site: Site) -> None:
    text = post(browser, site, SimpleUploadedFile("two.pdf", two_page_pdf()), by_script=True).content.decode()
    assert text.count("data-reading=") == 2
    assert "Page 1" in text
    assert "Page 2" in text
    assert "data-result-url" not in text


def test_the_list_learns_what_became_of_its_readings(
    browser: Client, take_in: Any, read: Callable[..., Diagnosis]
) -> None:
    ended, waiting = read(take_in(1)), take_in(2).diagnoses.get()
    keys = [str(ended.pk), str(waiting.pk), "not-a-key"]
    text = browser.get(reverse("diagnosis:upload_rows"), {"id": keys}).content.decode()
    assert "Myocardial infarction" in text
    assert text.count("data-pending") == 1


def two_page_pdf() -> bytes:
    import io

    from PIL import Image

    pages = [Image.open(io.BytesIO(picture(seed))).resize((560, 400)) for seed in (11, 12)]
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:])
    return out.getvalue()
