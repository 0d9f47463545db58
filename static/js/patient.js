// Two different pages to compare: choosing one as both moves the other choice to where the first one was.

const form = document.getElementById("compare-form");
const chosen = (name) => form.querySelector(`input[name="${name}"]:checked`);
const last = { a: chosen("a")?.value, b: chosen("b")?.value };

form.addEventListener("change", (event) => {
  const { name, value } = event.target;
  if (name !== "a" && name !== "b") return;
  const other = name === "a" ? "b" : "a";
  if (chosen(other)?.value === value) {
    const free = form.querySelector(`input[name="${other}"][value="${last[name]}"]`);
    if (free) free.checked = true;
    last[other] = last[name];
  }
  last[name] = value;
});
