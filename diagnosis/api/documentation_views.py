"""The documentation of the API, for programs and for people."""

from __future__ import annotations

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from accounts.scopes import NO_SCOPE


class SchemaView(SpectacularAPIView):
    """The OpenAPI document, for anybody."""

    required_scopes = NO_SCOPE


class DocsView(SpectacularSwaggerSplitView):
    """The same as a page for people."""

    required_scopes = NO_SCOPE
