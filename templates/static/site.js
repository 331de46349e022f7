// Only what a page cannot do by itself. Every page works without this file.
(() => {
  "use strict";
  const root = document.documentElement;

  // Text size: kept on this device, told to nobody.
  const size = document.querySelector("[data-text-size]");
  const recall = () => { try { return localStorage.getItem("text-size") || "0"; } catch { return "0"; } };
  const resize = (value) => {
    root.classList.toggle("is-larger", value === "1");
    size?.querySelectorAll("button").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.dataset.size === value)));
  };
  resize(recall());
  if (size) {
    size.hidden = false;
    size.addEventListener("click", (event) => {
      let value = event.target.closest("button")?.dataset.size;
      if (value === undefined) return;
      // On a phone there is one button, which goes there and back.
      if (value === recall()) value = "0";
      try { localStorage.setItem("text-size", value); } catch { /* private window: for this page alone */ }
      resize(value);
    });
  }

  // Copying an address.
  if (navigator.clipboard) {
    document.querySelectorAll("[data-copy]").forEach((button) => {
      button.hidden = false;
      button.setAttribute("aria-live", "polite");
      const label = button.textContent;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.dataset.copy);
        button.textContent = button.dataset.copied;
        setTimeout(() => { button.textContent = label; }, 2000);
      });
    });
  }

  document.querySelectorAll("[data-print]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });

  // The form is preset to the zone the browser lives in.
  const zones = document.querySelector("select[data-zone]");
  if (zones) {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && zone !== zones.value) {
      if (![...zones.options].some((option) => option.value === zone)) {
        zones.add(new Option(zone.split("/").pop().replaceAll("_", " "), zone), 0);
      }
      zones.value = zone;
    }
  }
})();
