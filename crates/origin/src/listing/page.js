// The search without its round trip: rows that don't match are hidden as one types. What a reload would
// show differently (a search that the server has done already, on more entries than are here) is left to
// the form.
"use strict";
(() => {
  const box = document.querySelector("input[name=q]");
  const told = document.querySelector("[role=status]");
  const none = document.querySelector(".none");
  const truncated = document.querySelector(".note") !== null;
  const served = box.defaultValue.trim().toLowerCase();
  const summary = [...told.childNodes];
  let groups = null;

  function read() {
    return [...document.querySelectorAll("tbody:not(:has(.up))")].map((group) => ({
      group,
      rows: [...group.rows].map((row) => ({ row, name: row.cells[0].textContent.toLowerCase() })),
    }));
  }

  function search() {
    const text = box.value.trim().toLowerCase();
    if (!text.includes(served) || (truncated && text !== served)) {
      told.replaceChildren("Press Enter to search");
      return;
    }
    groups ??= read();
    let all = 0, found = 0;
    for (const { group, rows } of groups) {
      let here = 0;
      for (const { row, name } of rows) {
        row.hidden = !name.includes(text);
        here += row.hidden ? 0 : 1;
      }
      group.hidden = here === 0;
      all += rows.length;
      found += here;
    }
    none.hidden = found > 0 || all === 0;
    if (text === served) told.replaceChildren(...summary);
    else told.replaceChildren(`${found.toLocaleString("en")} of ${all.toLocaleString("en")} shown`);
  }

  document.documentElement.classList.add("scripted");
  box.addEventListener("input", search);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && document.activeElement !== box) {
      event.preventDefault();
      box.focus();
    } else if (event.key === "Escape" && document.activeElement === box && box.value !== box.defaultValue) {
      box.value = box.defaultValue;
      search();
    }
  });
  // The browser may have kept what was typed before the page was left.
  if (box.value !== box.defaultValue) search();
})();
