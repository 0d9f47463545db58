"""Days before months and a clock of 24 hours, for readers of English anywhere.

https://docs.djangoproject.com/en/5.2/topics/i18n/formatting/#creating-custom-format-files
"""

from __future__ import annotations

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y, H:i"
SHORT_DATE_FORMAT = "j M Y"
SHORT_DATETIME_FORMAT = "j M Y, H:i"
