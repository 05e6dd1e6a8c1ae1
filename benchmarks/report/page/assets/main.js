// Buttons that copy and download, and the page's start.
function say(text) {
  find("#said").textContent = text;
  setTimeout(() => { find("#said").textContent = ""; }, 4000);
}

function download(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  say(`${name} saved`);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // where a page opened from disk may not: the old way
    const area = element("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  say("LaTeX copied; it needs the packages booktabs and siunitx");
}

const quoted = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

function csvOf(runs) {
  const names = Object.keys(data.columns);
  const lines = runs.map((run) => names.map((name) => quoted(String(raw(name, run) ?? ""))).join(","));
  return [names.join(","), ...lines, ""].join("\n");
}

find("#csv").addEventListener("click", () => download("rows.csv", csvOf(passing())));
document.querySelectorAll("[data-table]").forEach((button) => {
  const { table, kind } = button.dataset;
  const text = data.tables[table][kind];
  button.addEventListener("click", () => (kind === "tex" ? copy(text) : download(`${table}.csv`, text)));
});

// As an image: a browser runs no script in it, and its ids do not meet those of the page.
document.querySelectorAll("[data-figure]").forEach((image) => {
  // A figure of one column is half as wide as one of two, so that letters have one size.
  image.addEventListener("load", () => { image.style.maxWidth = `${1.75 * image.naturalWidth}px`; });
  image.src = `data:image/svg+xml,${encodeURIComponent(data.figures[image.dataset.figure])}`;
});

// The chart library is a script that the page's content security policy knows by its hash.
const library = element("script");
library.textContent = await unpacked("#vega");
document.head.append(library);
prepareTable();
draw();
preparePlot();
