"""Send ECG pages to Isoline and print what it reads on them.

Needs ``pip install requests``.

    export ISOLINE_TOKEN=iso_…
    python client.py https://ecg.example.org page1.png page2.pdf
"""

import os
import sys
import time
import uuid
from pathlib import Path

import requests

PATIENCE_S = 120


class Isoline:
    def __init__(self, url: str, token: str) -> None:
        self.api = f"{url.rstrip('/')}/api/v1"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Token {token}"

    def ask(self, method: str, url: str, **options):
        """One request; waits where the server says so, and says in words what it refuses."""
        for _ in range(5):
            answer = self.session.request(method, url, timeout=60, **options)
            # Too many requests, or the same request is still being worked on.
            if answer.status_code not in (409, 429) or "Retry-After" not in answer.headers:
                break
            time.sleep(min(int(answer.headers["Retry-After"]), 60))
        if answer.headers["Content-Type"].startswith("application/problem+json"):
            problem = answer.json()
            raise RuntimeError(f"{problem['code']}: {problem['detail']}")
        return answer

    def upload(self, page: Path, key: str, **fields: str) -> dict:
        """Send a file. With the same key it may be sent again after a broken connection: nothing is made twice."""
        files = {"file": (page.name, page.read_bytes())}
        headers = {"Idempotency-Key": key}
        return self.ask("POST", f"{self.api}/uploads/", files=files, data=fields, headers=headers).json()

    def wait_for(self, url: str) -> dict:
        """Follow a diagnosis or an explanation to its end."""
        give_up_at = time.monotonic() + PATIENCE_S
        while True:
            found = self.ask("GET", url).json()
            if found["status"] in ("done", "rejected", "failed"):
                return found
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"{url} is still {found['status']}")
            time.sleep(1)

    def save(self, url: str, file: Path) -> None:
        """Fetch a picture. Every picture needs the token, too."""
        file.write_bytes(self.ask("GET", url).content)

    def all(self, path: str, **filters: str):
        """Every row of a list, page by page."""
        url, params = f"{self.api}/{path}/", filters
        while url:
            page = self.ask("GET", url, params=params).json()
            yield from page["results"]
            # The next address holds the filters already.
            url, params = page["next"], {}


def main() -> None:
    url, *files = sys.argv[1:]
    isoline = Isoline(url, os.environ["ISOLINE_TOKEN"])
    for name in files:
        page = Path(name)
        sent = isoline.upload(page, key=str(uuid.uuid4()), note="sent by client.py")
        for waiting in sent["diagnoses"]:
            found = isoline.wait_for(waiting["url"])
            where = f"{page.name}, page {waiting['page_number']}"
            if found["status"] != "done":
                print(f"{where}: {found['status']}: {found['message']}")
                continue
            share = found["probabilities"][found["label"]]
            print(f"{where}: {'not sure' if found['abstained'] else found['label']} ({share:.0%})")
            for sentence in found["text"]:
                print(f"  {sentence['text']}")
            for heatmap in found["heatmaps"]:
                isoline.save(heatmap["url"], page.with_suffix(f".{heatmap['method']}.jpg"))
    print(f"{sum(1 for _ in isoline.all('diagnoses', state='done'))} pages have been read so far.")


if __name__ == "__main__":
    main()
