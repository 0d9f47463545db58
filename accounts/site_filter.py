"""The filter by site in Django admin, which offers only the sites that the person who looks administers."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import RelatedFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from .permissions import sites_administered_by


class OwnSitesFilter(RelatedFieldListFilter):
    """For every field that leads to a site. A site of others finds nothing, as if it did not exist."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[Any]:
        self._own = dict(sites_administered_by(request.user).values_list("pk", "name"))
        return list(self._own.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Django says text; it is every value of the parameter.
        wanted: Any = self.lookup_val or ()
        if not {str(value) for value in wanted} <= {str(key) for key in self._own}:
            return queryset.none()
        found = super().queryset(request, queryset)
        return queryset if found is None else found
