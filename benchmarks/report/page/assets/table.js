// The table of runs: sorted, filtered, a page at a time. Text goes in by textContent alone, so that it stays text.
const PAGE = 25;
const find = (selector) => document.querySelector(selector);

// Rows, figures and the chart library are packed in the page: base64 of gzip.
async function unpacked(selector) {
  const bytes = Uint8Array.from(atob(find(selector).textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

const data = JSON.parse(await unpacked("#payload"));
const NONE = "–";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

const columns = data.shown;
const named = Object.fromEntries(columns.map((column) => [column.name, column.values]));
const count = columns[0].values.length;
const words = Array.from({ length: count }, (_, run) =>
  [...columns.map(({ values }) => values[run]), data.columns.reason[run]].join(" ").toLowerCase());
const view = { order: Array.from({ length: count }, (_, run) => run), page: 0, open: new Set(), sorted: null, down: false };

const shownAs = (column, run) => {
  const value = column.values[run];
  if (value === null || value === "") return NONE;
  return column.digits === null ? value : value.toFixed(column.digits);
};

function passing() {
  const wanted = find("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const picked = [...document.querySelectorAll("#filters select")].filter((select) => select.value !== "");
  return view.order.filter((run) => wanted.every((word) => words[run].includes(word))
    && picked.every((select) => String(named[select.name][run]) === select.value));
}

function draw() {
  const runs = passing();
  const pages = Math.max(1, Math.ceil(runs.length / PAGE));
  view.page = Math.min(view.page, pages - 1);
  const part = runs.slice(PAGE * view.page, PAGE * (view.page + 1));
  find("#table tbody").replaceChildren(...part.flatMap((run) => (view.open.has(run) ? [line(run), detail(run)] : [line(run)])));
  part.filter((run) => view.open.has(run)).forEach(drawHistory);
  find("#shown").textContent = `${runs.length} of ${count} runs` + (pages > 1 ? `, page ${view.page + 1} of ${pages}` : "");
  find("#previous").disabled = view.page === 0;
  find("#next").disabled = view.page === pages - 1;
}

// A name breaks after each of its knobs and not within one.
const breakable = (name) => name.split(/(?<=,)/).flatMap((part, i) => (i ? [element("wbr"), part] : [part]));

function line(run) {
  const row = element("tr", { id: `row-${run}` });
  if (named.status[run] !== "ok") row.className = "failed";
  for (const column of columns) {
    const text = shownAs(column, run);
    const cell = element("td", column.digits === null ? {} : { class: "number" });
    if (column.name === "method") {
      const button = element("button", { type: "button", class: "open", "aria-expanded": view.open.has(run) }, ...breakable(text));
      button.setAttribute("aria-label", `${text}, ${named.target[run]}, seed ${named.seed[run]}: details`);
      if (view.open.has(run)) button.setAttribute("aria-controls", `run-${run}`);
      button.addEventListener("click", () => toggle(run));
      cell.append(button);
    } else cell.append(text);
    row.append(cell);
  }
  return row;
}

function toggle(run) {
  if (!view.open.delete(run)) view.open.add(run);
  draw();
  find(`#row-${run} button`).focus({ preventScroll: true });
}

// Show a run wherever it is: drop the filter if it hides it, turn to its page, open it.
function reveal(run) {
  if (!passing().includes(run)) {
    find("#filter").value = "";
    document.querySelectorAll("#filters select").forEach((select) => { select.value = ""; });
  }
  view.page = Math.floor(passing().indexOf(run) / PAGE);
  view.open.add(run);
  draw();
  find(`#row-${run}`).scrollIntoView({ block: "start" });
  find(`#row-${run} button`).focus({ preventScroll: true });
}

function sort(name) {
  view.down = view.sorted === name && !view.down;
  view.sorted = name;
  const { values, digits } = columns.find((column) => column.name === name);
  const absent = (value) => value === null || value === "";
  // Runs without a value stay at the end in either direction.
  view.order.sort((a, b) => {
    const [x, y] = [values[a], values[b]];
    if (absent(x) || absent(y)) return absent(x) - absent(y) || a - b;
    const by = digits === null ? x.localeCompare(y, "en") : x - y;
    return (view.down ? -by : by) || a - b;
  });
  document.querySelectorAll("#table thead th").forEach((head) => {
    if (head.dataset.name !== name) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", view.down ? "descending" : "ascending");
  });
  view.page = 0;
  draw();
}

function prepareTable() {
  for (const { name, meaning, digits, values } of columns) {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => sort(name));
    const kind = digits === null ? {} : { class: "number" };
    find("#table thead tr").append(element("th", { scope: "col", title: meaning, "data-name": name, ...kind }, button));
    const different = [...new Set(values)].sort();
    if (digits === null && different.length > 1) {
      const select = element("select", { name }, element("option", { value: "" }, "all"), ...different.map((value) => element("option", { value }, value)));
      find("#filters").append(element("label", {}, name, select));
    }
  }
  const again = () => { view.page = 0; draw(); };
  find("#filters").addEventListener("input", again);
  find("#previous").addEventListener("click", () => { view.page -= 1; draw(); });
  find("#next").addEventListener("click", () => { view.page += 1; draw(); });
}
