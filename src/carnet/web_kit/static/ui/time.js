/* The clock and what is left, by the server's time: the page says when it was made, the browser only counts on. */
(() => {
  const made = Date.parse(document.documentElement.dataset.now || "");
  if (Number.isNaN(made)) return;
  const start = performance.now();
  const now = () => made + (performance.now() - start);
  const two = (n) => String(n).padStart(2, "0");
  const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const clock = (at) => `${days[at.getUTCDay()]} ${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`;

  /* The same words as the filter `left`: two units, days and hours or hours and minutes; `full` has three. */
  const parts = (ms) => {
    const minutes = Math.max(0, Math.floor(ms / 60000));
    return [[Math.floor(minutes / 1440), "d"], [Math.floor(minutes / 60) % 24, "h"], [minutes % 60, "min"]];
  };
  const words = (ms, full) => {
    const all = parts(ms);
    const first = all.findIndex(([n]) => n > 0);
    if (first === -1) return [all[2]];
    return all.slice(first, full ? 3 : Math.min(first + 2, 3));
  };

  const write = (element) => {
    const left = Date.parse(element.dataset.until) - now();
    const shown = words(left, element.dataset.full !== undefined);
    if (element.dataset.large !== undefined) {
      element.replaceChildren(...shown.flatMap(([n, unit], i) => {
        const small = document.createElement("small");
        small.textContent = unit;
        return [`${i ? " " : ""}${n} `, small];
      }));
    } else {
      element.textContent = shown.map(([n, unit]) => `${n} ${unit}`).join(" ");
    }
  };

  const refresh = () => {
    for (const element of document.querySelectorAll("time[data-clock]")) {
      element.textContent = clock(new Date(now()));
      element.dateTime = new Date(now()).toISOString();
    }
    for (const element of document.querySelectorAll("[data-until]")) write(element);
  };
  setInterval(refresh, 15000);
  window.addEventListener("pageshow", (event) => { if (event.persisted) refresh(); });
})();
