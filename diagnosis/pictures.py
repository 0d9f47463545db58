"""The only way to a stored picture: every view here asks ``selectors`` before it opens a file.

A browser is known by its session, another system by its API token. What the asker may not see answers 404, so that
nobody learns what exists elsewhere.
"""

from __future__ import annotations

import hashlib
import logging
import mimetypes
import re
import uuid
from http import HTTPStatus
from typing import Any, ClassVar, cast

from django.contrib.auth.views import redirect_to_login
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.http import quote_etag
from django.utils.translation import gettext as _
from django.views import View
from rest_framework.exceptions import AuthenticationFailed

from accounts import scopes
from accounts.authentication import ApiTokenAuthentication
from accounts.models import User
from diagnosis import disclosure, renditions, selectors
from diagnosis.api.problems import plain_problem
from diagnosis.models import Diagnosis, Heatmap, Upload

logger = logging.getLogger(__name__)

_UNSAFE_IN_FILE_NAMES = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]+')


class _SignInNeeded(Exception):
    """Nobody is signed in, or the token is not valid."""


def _asking_user(request: HttpRequest, required: tuple[str, ...]) -> User:
    if request.user.is_authenticated:
        return request.user
    try:
        pair = ApiTokenAuthentication().authenticate(request)
    except AuthenticationFailed as error:
        raise _SignInNeeded(str(error.detail)) from error
    if pair is None:
        raise _SignInNeeded(_("Sign in, or send an API token."))
    user, token = pair
    scopes.check(token, required)
    return user


def _is_for_a_page(request: HttpRequest) -> bool:
    """A person who followed a link, as opposed to an ``<img>``, a script or a machine."""
    return "text/html" in request.headers.get("Accept", "") and "Authorization" not in request.headers


def safe_file_name(name: str, *, fallback: str = "page") -> str:
    """The uploader's file name without what a file system or a header could choke on."""
    return _UNSAFE_IN_FILE_NAMES.sub("_", name).strip(" .") or fallback


class PictureView(View):
    """Serve one stored file to somebody who may see it.

    The files never change under their names, so the name makes the ETag. ``no-cache`` makes the browser ask every
    time: after log-out or a withdrawn permission the copy in its cache is not shown again.
    """

    http_method_names = ("get", "head", "options")
    as_attachment = False
    # What the audit log calls it.
    what: ClassVar[str]
    required_scopes: scopes.Declared = scopes.Scope.PAGES_READ

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        allowed = super().http_method_not_allowed(request, *args, **kwargs).headers["Allow"]
        detail = _("Pictures can only be fetched: send GET.")
        return plain_problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", detail, headers={"Allow": allowed})

    def get(self, request: HttpRequest, pk: Any) -> HttpResponseBase:
        try:
            user = _asking_user(request, scopes.required_by(self, "GET") or scopes.ALL)
        except _SignInNeeded as error:
            if _is_for_a_page(request):
                return redirect_to_login(request.get_full_path())
            headers = {"WWW-Authenticate": "Token", "Cache-Control": "no-store"}
            return plain_problem(HTTPStatus.UNAUTHORIZED, "not_authenticated", str(error), headers=headers)
        except scopes.MissingScope as error:
            return plain_problem(HTTPStatus.FORBIDDEN, error.default_code, str(error.detail))
        try:
            return self._answer(request, user, *self.find(user, pk))
        except Http404:
            if _is_for_a_page(request):
                raise
            return plain_problem(HTTPStatus.NOT_FOUND, "not_found", _("There is no such picture."))

    def _answer(
        self, request: HttpRequest, user: User, upload: Upload, file: FieldFile, media_type: str, download_name: str
    ) -> HttpResponseBase:
        if not file:
            raise Http404
        self.download_asked = self.as_attachment or "download" in request.GET
        # In a browser a picture that is only shown is part of the page that was opened, which is noted there.
        if self.download_asked or not request.user.is_authenticated:
            disclosure.file_sent(user, upload, self.what, downloaded=self.download_asked)
        etag = quote_etag(hashlib.sha256((file.name or "").encode()).hexdigest()[:32])
        unchanged = get_conditional_response(request, etag=etag)
        response = self._stream(file, media_type, download_name) if unchanged is None else unchanged
        response.headers["ETag"] = etag
        response.headers["Cache-Control"] = "private, no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        # Uploaded bytes opened as a document of their own must not be able to do anything.
        response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        patch_vary_headers(response, ("Cookie", "Authorization"))
        return response

    def find(self, user: User, pk: Any) -> tuple[Upload, FieldFile, str, str]:
        """The page, its file, the file's media type ("" to take it from the stored name), the name to save it under."""
        raise NotImplementedError

    def _stream(self, file: FieldFile, media_type: str, download_name: str) -> FileResponse:
        try:
            stream = file.open("rb")
        except FileNotFoundError:
            logger.exception("A stored file is missing: %s", file.name)
            raise Http404 from None
        media_type = media_type or mimetypes.guess_type(file.name or "")[0] or "application/octet-stream"
        return FileResponse(
            stream, as_attachment=self.download_asked, filename=safe_file_name(download_name), content_type=media_type
        )


class _UploadPictureView(PictureView):
    def find(self, user: User, pk: uuid.UUID) -> tuple[Upload, FieldFile, str, str]:
        upload = get_object_or_404(selectors.uploads_visible_to(user), pk=pk)
        return upload, *self.choose(upload)

    def choose(self, upload: Upload) -> tuple[FieldFile, str, str]:
        raise NotImplementedError


class PageImageView(_UploadPictureView):
    """The normalised page image."""

    what = "page"

    def choose(self, upload: Upload) -> tuple[FieldFile, str, str]:
        return upload.page, "", _file_name_for(upload, "page", upload.page)


class ThumbnailView(_UploadPictureView):
    """The page in small, for lists."""

    what = "thumbnail"

    def choose(self, upload: Upload) -> tuple[FieldFile, str, str]:
        return upload.thumbnail, "", _file_name_for(upload, "thumbnail", upload.thumbnail)


class _MadeOnDemandView(PictureView):
    """A rendition of the page. It has a name, and thus an ETag, before it is made."""

    def _stream(self, file: FieldFile, media_type: str, download_name: str) -> FileResponse:
        upload = cast("Upload", file.instance)
        if not file.storage.exists(file.name or ""):
            try:
                self.make(upload)
            except FileNotFoundError:
                logger.exception("A stored page is missing: %s", upload.page.name)
                raise Http404 from None
        return super()._stream(file, media_type, download_name)

    def make(self, upload: Upload) -> None:
        raise NotImplementedError


class ScreenImageView(_MadeOnDemandView, _UploadPictureView):
    """The whole page on a screen's worth of pixels; the page itself where it is no larger than that."""

    what = "screen"

    def choose(self, upload: Upload) -> tuple[FieldFile, str, str]:
        if not renditions.has_screen_copy(upload):
            return upload.page, "", _file_name_for(upload, "page", upload.page)
        file = _rendition(upload, renditions.screen_name(upload))
        return file, "image/webp", _file_name_for(upload, "screen", file)

    def make(self, upload: Upload) -> None:
        if renditions.has_screen_copy(upload):
            renditions.make_screen_copy(upload)


class TileView(_MadeOnDemandView, _UploadPictureView):
    """A square part of the page, pixel for pixel."""

    what = "tile"

    def get(self, request: HttpRequest, pk: uuid.UUID, column: int, row: int) -> HttpResponseBase:  # type: ignore[override]
        self.column, self.row = column, row
        return super().get(request, pk)

    def choose(self, upload: Upload) -> tuple[FieldFile, str, str]:
        try:
            file = _rendition(upload, renditions.tile_name(upload, self.column, self.row))
        except renditions.NoSuchTile:
            raise Http404 from None
        return file, "image/jpeg", _file_name_for(upload, f"tile-{self.column}-{self.row}", file)

    def make(self, upload: Upload) -> None:
        renditions.make_tiles(upload)


class OriginalView(_UploadPictureView):
    """The bytes as they came in, of DICOM the copy that names nobody. Always a download: they are the sender's."""

    as_attachment = True
    what = "original"

    def choose(self, upload: Upload) -> tuple[FieldFile, str, str]:
        return upload.original, upload.media_type, upload.original_name


class _HeatmapPictureView(PictureView):
    def find(self, user: User, pk: int) -> tuple[Upload, FieldFile, str, str]:
        heatmaps = selectors.heatmaps_visible_to(user).select_related("diagnosis__upload__site")
        heatmap = get_object_or_404(heatmaps, pk=pk)
        return heatmap.diagnosis.upload, *self.choose(heatmap)

    def choose(self, heatmap: Heatmap) -> tuple[FieldFile, str, str]:
        raise NotImplementedError


class HeatLayerView(_HeatmapPictureView):
    """The transparent layer, to be laid over the page image edge to edge."""

    what = "heat_layer"

    def choose(self, heatmap: Heatmap) -> tuple[FieldFile, str, str]:
        return heatmap.layer, "", _heatmap_file_name(heatmap, "heat-layer", heatmap.layer)


class OverlayView(_HeatmapPictureView):
    """The page with the heat drawn on it."""

    what = "overlay"

    def choose(self, heatmap: Heatmap) -> tuple[FieldFile, str, str]:
        return heatmap.overlay, "", _heatmap_file_name(heatmap, "overlay", heatmap.overlay)


class TracesView(PictureView):
    """What was read off the page, as lines to be laid over the page image edge to edge."""

    what = "traces"

    def find(self, user: User, pk: int) -> tuple[Upload, FieldFile, str, str]:
        tracings = selectors.tracings_visible_to(user).select_related("diagnosis__upload__site")
        tracing = get_object_or_404(tracings, pk=pk)
        upload = tracing.diagnosis.upload
        return upload, tracing.layer, "image/svg+xml", _file_name_for(upload, "traces", tracing.layer)

    def _stream(self, file: FieldFile, media_type: str, download_name: str) -> FileResponse:
        response = super()._stream(file, media_type, download_name)
        # Stored as it travels.
        response.headers["Content-Encoding"] = "gzip"
        return response


def _rendition(upload: Upload, name: str) -> FieldFile:
    return FieldFile(upload, upload.page.field, name)


def _file_name_for(upload: Upload, what: str, file: FieldFile) -> str:
    stem = upload.original_name.rsplit(".", 1)[0]
    page = f"-p{upload.page_number}" if upload.page_number > 1 else ""
    return f"{stem}{page}-{what}{_suffix(file)}"


def _heatmap_file_name(heatmap: Heatmap, what: str, file: FieldFile) -> str:
    diagnosis: Diagnosis = heatmap.diagnosis
    # A picture that leaves the house carries its caveat in its name.
    return _file_name_for(diagnosis.upload, f"{what}-research-use-only", file)


def _suffix(file: FieldFile) -> str:
    name = file.name or ""
    return "." + name.rsplit(".", 1)[-1] if "." in name.rsplit("/", 1)[-1] else ""
