// Accuracy against MACs, one task at a time; every run leads to its row.
const plot = { view: null, chosen: new Set(), task: 0, at: 0 };

function pointsOf({ dataset, network, cells }) {
  const runs = [];
  const known = Object.fromEntries(cells.map((cell) => [`${cell.method} ${cell.target}`, cell]));
  for (let run = 0; run < count; run += 1) {
    if (raw("dataset", run) !== dataset || raw("network", run) !== network || raw("status", run) !== "ok" || raw("test_accuracy", run) === null) continue;
    const [macs, y] = [100 * raw("macs", run) / raw("macs_dense", run), 100 * raw("test_accuracy", run)];
    const description = `${title(run)}: ${y.toFixed(2)} % accuracy, ${macs.toFixed(1)} % of MACs`;
    const { shift, method, target, constrained } = known[`${raw("method", run)} ${raw("target", run)}`];
    runs.push({ run, x: macs + shift, y, method, target, constrained, description });
  }
  return runs;
}

const limitsOf = (task, runs) => (find("#far").checked || !task.domain
  ? [Math.min(...runs.map(({ y }) => y)) - 1, Math.max(...runs.map(({ y }) => y)) + 1] : task.domain);

async function drawPlot() {
  const task = data.tasks[plot.task];
  const runs = pointsOf(task);
  find("#far-label").hidden = !task.outliers;
  find("#far-label span").textContent = `Show ${task.outliers === 1 ? "a run" : `${task.outliers} runs`} far out`;
  if (!runs.length) {
    find("#chart").replaceChildren(element("p", { class: "note" }, "No run here has a score."));
    return;
  }
  const [low, high] = limitsOf(task, runs);
  const starting = { chosen: [...plot.chosen], low, high };
  const params = data.plot.params.map((param) => ({ ...param, value: starting[param.name] ?? param.value }));
  const spec = { ...data.plot, params, datasets: { cells: task.cells, runs },
    description: `Test accuracy against MACs kept, ${task.network} on ${task.dataset}, ${runs.length} runs` };
  const { view: made } = await vegaEmbed("#chart", spec, { ast: true, actions: false, renderer: "svg" });
  plot.view = made;
  plot.at = 0;
  made.addEventListener("click", (_, item) => { if (item?.datum?.run !== undefined) reveal(item.datum.run); });
  drawLegend(task);
}

function drawLegend(task) {
  const there = new Set(task.cells.map(({ method }) => method));
  find("#legend").replaceChildren(...Object.entries(data.looks).filter(([method]) => there.has(method)).map(([method, look]) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "-1.2 -1.2 2.4 2.4");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", look.shape);
    path.setAttribute("fill", look.colour);
    svg.append(path);
    const button = element("button", { type: "button", "aria-pressed": plot.chosen.has(method) }, svg, method);
    button.addEventListener("click", () => {
      if (!plot.chosen.delete(method)) plot.chosen.add(method);
      button.setAttribute("aria-pressed", plot.chosen.has(method));
      plot.view.signal("chosen", [...plot.chosen]).runAsync();
    });
    return button;
  }));
}

// By keyboard the plot is one stop: arrows go from run to run by size, Enter opens the row.
const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

function prepareKeys() {
  find("#chart").addEventListener("keydown", (event) => {
    const runs = pointsOf(data.tasks[plot.task]).filter(({ method }) => !plot.chosen.size || plot.chosen.has(method)).sort((a, b) => a.x - b.x || a.y - b.y);
    if (!runs.length || !(event.key in STEPS || event.key === "Enter")) return;
    event.preventDefault();
    if (event.key === "Enter") { reveal(runs[plot.at].run); return; }
    plot.at = (plot.at + STEPS[event.key] + runs.length) % runs.length;
    find("#chart-said").textContent = runs[plot.at].description;
    plot.view.signal("at", runs[plot.at].run).runAsync();
  });
}

function preparePlot() {
  data.tasks.forEach(({ dataset, network }, i) => find("#task").append(element("option", { value: i }, `${network} on ${dataset}`)));
  find("#task").addEventListener("change", (event) => { plot.task = Number(event.target.value); drawPlot(); });
  find("#far").addEventListener("change", drawPlot);
  prepareKeys();
  drawPlot();
}
