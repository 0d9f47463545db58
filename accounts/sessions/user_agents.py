"""A user agent in words, by a few rules; what they do not know is called unknown.

The order matters: browsers claim to be those they descend from.
"""

from __future__ import annotations

import re
from typing import Final

from django.utils.translation import gettext as _

_BROWSERS: Final = (
    (r"\bEdgA?(?:iOS)?/(\d+)", "Edge"),
    (r"\b(?:OPR|Opera)/(\d+)", "Opera"),
    (r"\bSamsungBrowser/(\d+)", "Samsung Internet"),
    (r"\b(?:Firefox|FxiOS)/(\d+)", "Firefox"),
    (r"\b(?:Chrome|CriOS|HeadlessChrome)/(\d+)", "Chrome"),
    (r"\bVersion/(\d+)[\d.]* (?:Mobile/\S+ )?Safari/", "Safari"),
)
_SYSTEMS: Final = (
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bMac OS X\b|\bMacintosh\b", "macOS"),
    (r"\bLinux\b", "Linux"),
)


def described(user_agent: str) -> str:
    """E.g. “Firefox 128 on Windows”."""
    browser = next(
        (f"{name} {found[1]}" for pattern, name in _BROWSERS if (found := re.search(pattern, user_agent))), ""
    )
    system = next((name for pattern, name in _SYSTEMS if re.search(pattern, user_agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("Unknown browser")
