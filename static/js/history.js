// The history's filters: keep empty ones out of the address, so that it can be read and shared.

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches("[data-lean]")) return;
  const { parameters } = event.detail;
  for (const [name, value] of [...parameters.entries()]) {
    if (value === "") parameters.delete(name);
  }
});
