// Recovery codes are on this page once; these take them along.
const list = document.getElementById("recovery-codes");
const text = () => Array.from(list.querySelectorAll("code"), (code) => code.textContent).join("\n") + "\n";

document.getElementById("download-codes").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text()], { type: "text/plain" }));
  link.download = list.dataset.fileName;
  link.click();
  URL.revokeObjectURL(link.href);
});

document.getElementById("print-codes").addEventListener("click", () => window.print());
