"""The web process: ``gunicorn ecgsite.wsgi``.

https://docs.djangoproject.com/en/5.2/howto/deployment/wsgi/gunicorn/
"""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from . import allocator

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecgsite.settings.production")

allocator.return_large_buffers()
application = get_wsgi_application()

from .checks import refuse_demo_accounts  # noqa: E402  (needs the models that the line above loads)

refuse_demo_accounts()
