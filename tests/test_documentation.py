"""What the documents say exists, exists; what can be configured is documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_to_a_file_leads_to_one(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if link and not (document.parent / link).exists()]

    assert missing == []


def test_every_environment_variable_of_the_settings_is_documented() -> None:
    settings = "".join(file.read_text(encoding="utf-8") for file in REPOSITORY.glob("ecgsite/settings/*.py"))
    variables = set(re.findall(r'env(?:\.[a-z]+)?\(\s*"([A-Z][A-Z0-9_]+)"', settings))
    documented = set(
        re.findall(r"[A-Z][A-Z0-9_]+", (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8"))
    )

    assert len(variables) > 30
    assert variables - documented == set()


def test_every_direct_dependency_has_its_reason() -> None:
    reasons = (REPOSITORY / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    named = {
        re.split(r"[~=<>\[ ]", line, maxsplit=1)[0].lower()
        for file in REPOSITORY.glob("requirements*.in")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "-"))
    }

    assert {name for name in named if name not in reasons} == set()


def test_the_notebook_lines_of_the_lab_run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    (lines,) = re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / "lab.md").read_text(encoding="utf-8"), re.DOTALL
    )
    exec(compile(lines, "docs/lab.md", "exec"), {})

    assert "Heart rate" in capsys.readouterr().out


def api_document() -> str:
    return (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")


def test_every_code_of_a_problem_stands_in_the_table_with_its_status_and_no_other_does() -> None:
    from diagnosis.api.problems import CODES

    table = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", api_document(), re.MULTILINE)
    assert {code: int(status) for status, code in table} == {code: int(each.status) for code, each in CODES.items()}


def test_every_scope_and_event_stands_in_its_table_and_no_other_does() -> None:
    from accounts.scopes import Scope
    from diagnosis.webhooks.models import Event

    assert set(re.findall(r"^\| `(\w+:\w+)` \|", api_document(), re.MULTILINE)) == set(Scope.values)
    assert set(re.findall(r"^\| `(\w+\.\w+)` \|", api_document(), re.MULTILINE)) == set(Event.values)


def test_the_check_of_a_webhook_s_signature_works_as_it_is_printed() -> None:
    import time

    from diagnosis.webhooks.signing import signature

    (lines,) = re.findall(r"```python\n(.*?)```", api_document(), re.DOTALL)
    printed: dict[str, Any] = {}
    exec(compile(lines, "docs/api.md", "exec"), printed)
    is_from_isoline = printed["is_from_isoline"]
    body = '{"event": "diagnosis.done"}'
    now = int(time.time())

    assert is_from_isoline("whsec_a", signature("whsec_a", body), body.encode())
    assert not is_from_isoline("whsec_b", signature("whsec_a", body), body.encode())
    assert not is_from_isoline("whsec_a", signature("whsec_a", body), body.encode() + b" ")
    assert not is_from_isoline("whsec_a", signature("whsec_a", body, at=now - 600), body.encode())
