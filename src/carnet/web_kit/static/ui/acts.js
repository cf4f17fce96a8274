/* Small acts: dialogs, copy, closing a message, setting a field, printing, a form that sends itself. */
(() => {
  const on = (selector, act) => document.addEventListener("click", (event) => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  });

  on("[data-dialog]", (element, event) => {
    const dialog = document.getElementById(element.dataset.dialog);
    if (!dialog?.showModal) return;
    event.preventDefault();
    dialog.showModal();
  });
  on("[data-close]", (element, event) => {
    const dialog = element.closest("dialog");
    if (dialog?.open) { event.preventDefault(); dialog.close(); return; }
    const what = element.closest("[data-closes]");
    if (what) { event.preventDefault(); what.remove(); }
  });
  on("dialog", (element, event) => { if (event.target === element && element.open) element.close(); });

  on("[data-copy]", async (element) => {
    const source = element.dataset.copy ? document.getElementById(element.dataset.copy) : null;
    const text = source ? source.innerText : element.dataset.text;
    try { await navigator.clipboard.writeText(text ?? ""); } catch { return; }
    element.classList.add("copied");
    const said = element.querySelector("[role=status]");
    if (said) said.textContent = element.dataset.said || "";
    setTimeout(() => { element.classList.remove("copied"); if (said) said.textContent = ""; }, 3000);
  });

  /* "Set to 86": the value goes into the field, and listeners are told (htmx). */
  on("[data-set]", (element, event) => {
    const field = document.getElementById(element.dataset.set);
    if (!field) return;
    event.preventDefault();
    field.value = element.dataset.value;
    for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
    field.focus();
  });
  on("[data-print]", (element, event) => { event.preventDefault(); window.print(); });

  document.addEventListener("change", (event) => {
    const form = event.target.closest?.("form[data-send-itself]");
    if (form && event.target.matches("select, [type=checkbox], [type=radio]")) form.requestSubmit();
  });

  /* A part of the page was asked for, and the session is over: the page stays as it is, with all that was typed. Once
     they signed in, in another tab, its forms get the token of the new session. */
  document.addEventListener("htmx:responseError", (event) => {
    if (event.detail?.xhr?.status !== 401 || document.getElementById("signed-out")) return;
    const home = document.querySelector("a.brand")?.href ?? "/";
    const dialog = document.createElement("dialog");
    dialog.id = "signed-out";
    dialog.setAttribute("aria-labelledby", "signed-out-title");
    const body = Object.assign(document.createElement("div"), { className: "body" });
    const title = Object.assign(document.createElement("h2"), { id: "signed-out-title", textContent: "You were signed out" });
    const said = document.createElement("p");
    said.textContent = "What you typed is still here. Sign in again in a new tab, then come back to this one and go on.";
    const acts = Object.assign(document.createElement("div"), { className: "acts" });
    const link = document.createElement("a");
    Object.assign(link, { href: home, target: "_blank", rel: "noopener", className: "button primary", textContent: "Sign in again" });
    body.append(title, said);
    acts.append(link);
    dialog.append(body, acts);
    document.body.append(dialog);
    dialog.showModal();
    const back = async () => {
      if (document.visibilityState !== "visible" || !(await takeToken(home))) return;
      for (const kind of ["focus", "visibilitychange"]) window.removeEventListener(kind, back, true);
      dialog.remove();
    };
    for (const kind of ["focus", "visibilitychange"]) window.addEventListener(kind, back, true);
  });

  /* Whether somebody is signed in; the forms of this page then bear the token of that session. */
  const takeToken = async (home) => {
    const answer = await fetch(home, { credentials: "same-origin" }).catch(() => null);
    if (!answer?.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const headers = page.body.getAttribute("hx-headers"); // the pages at the door have none
    if (!headers) return false;
    const token = JSON.parse(headers)["X-CSRFToken"];
    for (const field of document.querySelectorAll("[name=csrfmiddlewaretoken]")) field.value = token;
    for (const each of document.querySelectorAll("[hx-headers]")) {
      each.setAttribute("hx-headers", headers);
    }
    return true;
  };

  /* A second click while a form is on its way is ignored: the first one's answer is the one to see. The server judges
     it all the same (N4). htmx sends by itself, and stops the event. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sending) { event.preventDefault(); return; }
    form.dataset.sending = "yes";
    setTimeout(() => delete form.dataset.sending, 2000);
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sending]")) delete form.dataset.sending;
  });

  /* Successes go by themselves; a message about trouble stays until it is closed. */
  for (const toast of document.querySelectorAll(".toasts .tone-ok")) setTimeout(() => toast.remove(), 8000);
})();
