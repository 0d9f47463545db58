// On every page.
(() => {
  // Requests that no person started (polling, loading) must not keep an idle session alive;
  // accounts/middleware.py reads this header.
  document.addEventListener("htmx:configRequest", (event) => {
    const cause = event.detail.triggeringEvent;
    if (!cause || !cause.isTrusted || cause.type === "load") {
      event.detail.headers["X-Background"] = "true";
    }
  });

  // A form that comes back with errors says so first, also to a screen reader.
  document.getElementById("error-summary")?.focus();
})();
