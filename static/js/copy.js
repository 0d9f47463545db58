// A button with data-copy="id" copies what stands in that field.
(() => {
  for (const button of document.querySelectorAll("[data-copy]")) {
    const field = document.getElementById(button.dataset.copy);
    const said = button.parentElement.querySelector("[data-copy-said]");
    button.hidden = false;
    button.addEventListener("click", async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(field.value);
      } catch {
        // Without TLS there is no clipboard to write to; this older way still works there.
        document.execCommand("copy");
      }
      said.textContent = button.dataset.copied;
    });
  }
})();
