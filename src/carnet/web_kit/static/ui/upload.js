/* A file dropped on the frame, or chosen, is sent at once. Without this the form has a file box and a button. */
(() => {
  const frame = (event) => event.target.closest?.("[data-upload]");
  const send = (form) => {
    if (form.classList.contains("busy")) return;
    form.classList.add("busy");
    form.setAttribute("aria-busy", "true");
    form.requestSubmit();
  };
  document.addEventListener("change", (event) => {
    const form = event.target.matches?.("[data-upload] input[type=file]") && event.target.form;
    if (form && event.target.files.length && !form.querySelector("[required]:invalid")) send(form);
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      const form = frame(event);
      if (!form) return;
      event.preventDefault();
      form.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    const form = frame(event);
    if (form && !form.contains(event.relatedTarget)) form.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    const form = frame(event);
    if (!form) return;
    event.preventDefault();
    form.classList.remove("over");
    const box = form.querySelector("input[type=file]");
    if (!box || !event.dataTransfer.files.length) return;
    box.files = event.dataTransfer.files;
    box.dispatchEvent(new Event("change", { bubbles: true }));
  });
  /* Back in the history: the form may be used again. */
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("[data-upload].busy")) {
      form.classList.remove("busy");
      form.removeAttribute("aria-busy");
    }
  });
})();
