"""Readings and reports as FHIR R4: for download, over the API, and pushed to a site's own server."""
