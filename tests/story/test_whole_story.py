"""From the invitation of a clinician to the entries in the audit log, in a real browser, on PostgreSQL and Redis."""

from __future__ import annotations

import io
import json
import re
import time
import zipfile
from base64 import b32decode
from collections.abc import Callable
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.services.installation import PASSWORD, Installation, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.services, pytest.mark.timeout(600)]

NEW_PASSWORD = "a horse of another colour"
CODE_LASTS_S = 30


def window(browser: Browser, hospital: Installation) -> tuple[BrowserContext, Page]:
    context = browser.new_context(base_url=f"http://127.0.0.1:{hospital.port}", viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    return context, context.new_page()


def log_in(page: Page, name: str, password: str) -> None:
    page.goto("/accounts/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("main form:has(input[name=password]) button[type=submit]")
    page.wait_for_url(re.compile(r"^(?!.*login)"))


class Authenticator:
    """The app on somebody's phone; never shows the same code twice."""

    def __init__(self, secret: str) -> None:
        self._key = b32decode(secret.replace(" ", ""))
        self._last = 0

    def code(self) -> str:
        while int(time.time()) // CODE_LASTS_S <= self._last:
            time.sleep(0.5)
        self._last = int(time.time()) // CODE_LASTS_S
        return f"{TOTP(self._key).token():06d}"


def invitation_link(hospital: Installation) -> str:
    def look() -> str | None:
        for mail in (hospital.folder / "mail").glob("*"):
            text = mail.read_text().replace("=\n", "")
            if found := re.search(r"https?://[^/\s]+(/accounts/invitations/accept/\S+)", text):
                return found[1]
        return None

    return wait_for(look, within_s=20)


def archive(make_page: Callable[[], bytes], names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, make_page())
        file.writestr("notes.txt", b"no page at all")
    return buffer.getvalue()


def test_a_clinician_is_invited_reads_signs_amends_and_all_of_it_is_on_record(
    hospital: Installation, chromium_browser: Browser, make_page: Callable[[], bytes], tmp_path: Path
):
    hospital.run(
        "from accounts.models import Role, Site, User\n"
        "from accounts.second_factor.models import RolePolicy\n"
        f"User.objects.create_user('ada', 'ada@hospital.invalid', {PASSWORD!r}, role=Role.ADMINISTRATOR)\n"
        "RolePolicy.objects.update_or_create(role=Role.CLINICIAN, defaults={'second_factor_required': True})\n"
    )
    admin_context, admin = window(chromium_browser, hospital)
    log_in(admin, "ada", PASSWORD)

    # Invited by mail, with a role and a site.
    admin.goto("/accounts/invitations/")
    admin.fill("input[name=email]", "berta@hospital.invalid")
    admin.select_option("select[name=role]", "clinician")
    admin.check("input[name=sites]")
    admin.get_by_role("button", name="Send invitation").click()
    expect(admin.get_by_text("berta@hospital.invalid").first).to_be_visible()

    # The account is made, and leads to a second factor, because the role asks for one.
    context, page = window(chromium_browser, hospital)
    page.goto(invitation_link(hospital))
    page.fill("input[name=username]", "berta")
    page.fill("input[name=first_name]", "Berta")
    page.fill("input[name=last_name]", "Brand")
    page.fill("input[name=password1]", NEW_PASSWORD)
    page.fill("input[name=password2]", NEW_PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url("**/accounts/second-factor/**")
    page.goto("/worklist/")
    assert "second-factor" in page.url
    page.goto("/accounts/second-factor/app/")
    phone = Authenticator(page.locator("#totp-secret").text_content() or "")
    page.locator("main form input[type=text], main form input[name=code]").first.fill(phone.code())
    page.get_by_role("button", name="Switch it on").click()
    page.wait_for_selector("#recovery-codes")
    recovery = page.locator("#recovery-codes code").all_inner_texts()
    assert len(recovery) >= 8

    # Many pages in one archive, watched until all are read.
    (tmp_path / "round.zip").write_bytes(archive(make_page, ["monday.png", "tuesday.png"]))
    page.goto("/batches/")
    page.set_input_files("input[name=file]", tmp_path / "round.zip")
    page.fill("input[name=patient_reference]", "P-2041")
    page.locator(
        "form:has(input[name=file]) button[type=submit], form:has(input[name=file]) .btn-primary"
    ).first.click()
    page.wait_for_url("**/batches/*/")
    expect(page.get_by_text("All files are in, and every page was looked at")).to_be_visible(timeout=60_000)
    expect(page.locator('[data-kind="refused"]')).to_contain_text("notes.txt")

    # Both pages of the patient side by side.
    page.goto("/patients/")
    page.get_by_role("link", name="P-2041").click()
    page.get_by_role("button", name="Compare the two chosen").click()
    page.wait_for_url("**/compare/**")
    expect(page.locator("main img").first).to_be_visible()

    # One of them from the worklist: explained, overruled, signed with the second factor.
    page.goto("/worklist/?list=waiting")
    page.locator("tr[data-row] a[href^='/diagnoses/']").locator("visible=true").first.click()
    page.wait_for_url("**/diagnoses/**")
    result = page.url.partition("?")[0]
    page.select_option("#explain-method", "lead_occlusion")
    page.get_by_role("button", name="Compute").click()
    expect(page.locator("#explain-progress, #explain-compute")).to_have_count(0, timeout=200_000)
    expect(page.locator("#heat-layer").first).to_be_attached()
    page.check("input[name=verdict][value=override]", force=True)
    page.select_option("#review-class", "abnormal_heartbeat")
    page.fill("#review-comment", "Ectopic beats in the rhythm strip.")
    expect(page.locator("#review-saved")).to_contain_text("Saved")
    page.click("#review-sign")
    page.fill("#review input[name=code]", phone.code())
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.locator('[data-report-state="signed"]')).to_contain_text("Berta Brand")

    # On paper: made by a worker, with the verdict, the name and a code that leads back here.
    page.click("#export-title ~ * button[value=a4]")
    page.wait_for_url("**/documents/**")
    expect(page.get_by_role("heading", name="The PDF report is ready")).to_be_visible(timeout=60_000)
    first = pdf_text(context, page)
    assert "Berta Brand" in first
    assert "Abnormal heartbeat" in first
    code = re.search(r"\b[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}\b", first)
    assert code is not None
    page.goto(f"/verify/{code[0]}/")
    expect(page.get_by_role("heading", name="Signed report, version 1, in force")).to_be_visible()

    # Amended with a reason; a recovery code signs too. The first version stays.
    page.goto(result)
    page.click("#review-amend")
    page.fill("#review-reason", "Seen again with the tracing of last year.")
    page.get_by_role("button", name="Begin the amendment").click()
    page.fill("#review-comment", "Frequent ectopic beats, as last year.")
    expect(page.locator("#review-saved")).to_contain_text("Saved")
    page.click("#review-sign")
    page.fill("#review input[name=code]", recovery[0])
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.locator('[data-report-state="signed"]')).to_contain_text("as last year")
    page.goto(f"/verify/{code[0]}/")
    expect(page.locator("[data-replaced]")).to_be_visible()

    # For other systems: an amended report with its clinician.
    bundle = json.loads(context.request.get(f"{result}fhir/").text())
    reports = [
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "DiagnosticReport"
    ]
    assert [report["status"] for report in reports] == ["amended"]

    # And on record, in a chain that holds.
    for action in ("report.signed", "report.amendment_begun", "page.viewed"):
        admin.goto(f"/admin/audit/entry/?q=berta&action__exact={action}")
        expect(admin.locator("#result_list tbody tr").first).to_contain_text("berta")
    assert "are as they were written" in hospital.manage("verify_audit")
    assert hospital.manage("verify_reports")
    context.close()
    admin_context.close()


def pdf_text(context: BrowserContext, page: Page) -> str:
    address = page.get_by_role("link", name="Open", exact=True).get_attribute("href") or ""
    document = pdfium.PdfDocument(context.request.get(address).body())
    return "\n".join(document[number].get_textpage().get_text_range() for number in range(len(document)))
