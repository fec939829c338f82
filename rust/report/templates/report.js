"use strict";
(() => {
  const root = document.documentElement;

  // Colours: as the system, light, dark.
  const theme = document.getElementById("theme");
  const themes = [["", "as the system"], ["light", "light"], ["dark", "dark"]];
  let current = 0;
  theme.hidden = false;
  theme.addEventListener("click", () => {
    current = (current + 1) % themes.length;
    const [name, label] = themes[current];
    if (name) root.dataset.theme = name; else delete root.dataset.theme;
    theme.textContent = "Colours: " + label;
  });

  // Filters: a row is shown if it holds the text and, for each key with pressed chips, has one of their values.
  const resets = [];
  for (const bar of document.querySelectorAll(".filter")) {
    const target = document.getElementById(bar.dataset.for);
    const rows = [...(target.tBodies ? target.tBodies[0].rows : target.children)];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const input = bar.querySelector("input");
    const chips = [...bar.querySelectorAll(".chip")];
    const output = bar.querySelector("output");
    const apply = () => {
      const wanted = input ? input.value.trim().toLowerCase() : "";
      const keys = new Map();
      for (const chip of chips) {
        if (chip.getAttribute("aria-pressed") !== "true") continue;
        const { key, value } = chip.dataset;
        keys.set(key, (keys.get(key) || new Set()).add(value));
      }
      let shown = 0;
      rows.forEach((row, index) => {
        const fits = texts[index].includes(wanted) && [...keys].every(([key, values]) => values.has(row.dataset[key]));
        row.hidden = !fits;
        shown += fits;
      });
      output.textContent = shown === rows.length ? "" : shown + " of " + rows.length + " shown";
    };
    for (const chip of chips) {
      chip.addEventListener("click", () => {
        chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
        apply();
      });
    }
    if (input) input.addEventListener("input", apply);
    resets.push(() => {
      if (input) input.value = "";
      for (const chip of chips) chip.setAttribute("aria-pressed", "false");
      apply();
    });
    bar.hidden = false;
  }

  // A link to a row that is filtered away shows it.
  addEventListener("hashchange", () => {
    const target = document.getElementById(location.hash.slice(1));
    if (!target || !target.hidden) return;
    for (const reset of resets) reset();
    target.scrollIntoView();
  });

  // Sorting: by `data-v` where there is one, else by text, numbers as numbers.
  const order = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  for (const table of document.querySelectorAll("table.cards")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => {
          const cell = row.cells[column];
          return [cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v), row];
        });
        const compare = (a, b) => (typeof a === "number" ? a - b : order.compare(a, b));
        rows.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
        body.append(...rows.map(([, row]) => row));
      });
    });
  }

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
