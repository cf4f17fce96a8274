/* Pre-flight as one types. An answer to what was typed before is not shown over what is typed now. */
(() => {
  let typed = 0;
  let sent = 0;
  const ours = (element) => element.closest?.("[data-preflight]");
  document.addEventListener("input", (event) => { if (ours(event.target)) typed += 1; });
  document.addEventListener("htmx:beforeRequest", (event) => { if (ours(event.target)) sent = typed; });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig?.elt?.matches?.("[data-preflight]") && sent !== typed) event.detail.shouldSwap = false;
  });
})();
