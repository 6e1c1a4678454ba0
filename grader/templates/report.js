// The page says everything without this script. It adds two comforts: tables that sort, and a note
// that tells what lies behind a square of the heat map.
"use strict";

function sortKey(row, column) {
  const cell = row.cells[column];
  const key = cell.dataset.key ?? cell.textContent.trim();
  const number = Number(key);
  return key !== "" && !Number.isNaN(number) ? number : key;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return String(one).localeCompare(String(other), undefined, { numeric: true });
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const turn = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
      const body = table.tBodies[0];
      const keyed = [...body.rows].map((row) => [sortKey(row, column), row]);
      keyed.sort((one, other) => turn * compare(one[0], other[0]));
      body.append(...keyed.map((pair) => pair[1]));
    });
  });
}

function tellSquares(table, note) {
  const reasons = [...document.querySelectorAll("#reasons li")].map((item) => item.textContent);
  const titles = [...[...table.tHead.rows].pop().cells].slice(1, -1).map((head) => head.dataset.title);
  const names = (row) => row.cells[0].querySelector(".who").cloneNode(true);
  let current = null;

  function tell(square) {
    current?.removeAttribute("tabindex");
    current = square;
    square.tabIndex = 0;
    const outcome = document.createElement("b");
    outcome.textContent = square.getAttribute("aria-label");
    const title = document.createElement("span");
    title.textContent = titles[square.cellIndex - 1];
    const reason = document.createElement("q");
    reason.textContent = reasons[square.dataset.r] ?? "";
    const parts = [names(square.parentNode), title, outcome];
    note.replaceChildren(...(reason.textContent ? [...parts, reason] : parts));
  }

  function tellIfNew(place) {
    const square = place.closest("td");
    if (square && !square.matches(".sum") && square !== current) tell(square);
  }

  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const body = table.tBodies[0];
  body.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step || !current) return;
    event.preventDefault();
    const row = body.rows[current.parentNode.sectionRowIndex + step[0]];
    const next = row?.cells[current.cellIndex + step[1]];
    if (!next?.matches("td:not(.sum)")) return;
    // A square can take the focus only once it is the current one.
    tell(next);
    next.focus();
  });
  for (const occasion of ["click", "focusin"]) {
    body.addEventListener(occasion, (event) => tellIfNew(event.target));
  }
  // A longer note pushes the squares away under a pointer that rests. Nobody points at the one that
  // comes to lie there, and its note may be shorter and pull them back, and so on for ever.
  let rest = "";
  function hasMoved(event) {
    const before = rest;
    rest = `${event.screenX} ${event.screenY}`;
    return rest !== before;
  }
  body.addEventListener("mousemove", hasMoved);
  body.addEventListener("mouseover", (event) => { if (hasMoved(event)) tellIfNew(event.target); });
  const first = body.querySelector("td");
  if (first) {
    current = first;
    first.tabIndex = 0;
    note.hidden = false;
  }
}

document.querySelectorAll("table.sortable").forEach(makeSortable);
const heat = document.querySelector("table.heat");
if (heat) tellSquares(heat, document.getElementById("square-note"));
