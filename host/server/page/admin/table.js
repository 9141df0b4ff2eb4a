// A table whose rows follow what the server lists.
//
// Invariant: an item that stays keeps its row, and a cell that says the same is not touched. So focus and selection stay
// where they are, and a screen reader hears nothing twice.

import { make } from "/page/dom.js";

export class Table {
  #body = make("tbody");
  #rows = new Map();
  #columns;
  #heading;
  #table;
  #none;

  /**
   * Fills a `table`. Each of `columns` is `{ name, cell, wide? }`, where `cell(item)` is what it says: a text, or `{ text, title?,
   * detail?, tone? }`, or `{ text, title?, press }` for a button. What is `wide` may break anywhere. `none` is said if there are no
   * items.
   */
  constructor(table, heading, columns, none) {
    this.#columns = columns;
    this.#heading = heading;
    this.#table = table;
    this.#none = make("p", { className: "hint", textContent: none });
    const head = make("tr", {}, ...columns.map(({ name }) => make("th", { scope: "col", textContent: name })));
    table.append(make("thead", {}, head), this.#body);
    table.after(this.#none);
    // On a narrow screen rows are not laid out as rows, and would no longer be a table for screen readers.
    roles(table, "table");
    roles(head.parentElement, "rowgroup");
    roles(this.#body, "rowgroup");
    roles(head, "row");
    for (const cell of head.children) roles(cell, "columnheader");
  }

  /** Shows these items, in this order. `key(item)` is the same for the same item. */
  show(items, key) {
    this.#table.hidden = !items.length;
    this.#none.hidden = items.length > 0;
    const left = new Set(this.#rows.keys());
    let place = null;
    for (const item of items) {
      const name = key(item);
      left.delete(name);
      const row = this.#rows.get(name) ?? this.#row(name);
      row.update(item);
      const next = place ? place.nextSibling : this.#body.firstChild;
      if (next !== row.element) this.#body.insertBefore(row.element, next);
      place = row.element;
    }
    for (const name of left) this.#remove(name);
  }

  #remove(name) {
    const { element } = this.#rows.get(name);
    if (element.contains(document.activeElement)) this.#heading.focus();
    element.remove();
    this.#rows.delete(name);
  }

  #row(name) {
    const element = make("tr");
    roles(element, "row");
    const cells = this.#columns.map((column, n) => {
      const cell = make(n ? "td" : "th", n ? {} : { scope: "row" });
      roles(cell, n ? "cell" : "rowheader");
      cell.dataset.name = column.name;
      cell.classList.toggle("wide", Boolean(column.wide));
      element.append(cell);
      return { cell, column, said: null, press: null };
    });
    const row = { element, update: (item) => cells.forEach((cell) => fill(cell, item)) };
    this.#rows.set(name, row);
    return row;
  }
}

function roles(element, role) {
  element.setAttribute("role", role);
}

/** Fills a cell, unless it says the same already. */
function fill(state, item) {
  const wanted = state.column.cell(item);
  const content = typeof wanted === "object" ? wanted : { text: wanted };
  // A function is not part of what is said, and is the one for the newest item.
  state.press = content.press;
  const said = JSON.stringify({ ...content, isButton: Boolean(content.press) });
  if (said === state.said) return;
  state.said = said;
  const { text, title = "", detail, tone, press } = content;
  let shown;
  if (press) {
    shown = make("button", { type: "button", textContent: text, title });
    shown.setAttribute("aria-label", title || text);
    shown.addEventListener("click", () => state.press?.());
  } else {
    shown = make("span", { textContent: text, title, className: tone ? `tone ${tone}` : "", dir: "auto" });
  }
  const parts = [shown];
  if (detail) parts.push(make("span", { className: "detail", textContent: detail, dir: "auto" }));
  state.cell.replaceChildren(...(text ? parts : []));
}
