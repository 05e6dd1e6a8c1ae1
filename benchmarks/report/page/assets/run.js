// One run: its learned structure, its history, its settings and where it comes from.
const RESULTS = ["status", "reason", "test_accuracy", "test_loss", "validation_accuracy", "params", "macs", "macs_all_ops", "bytes",
  "latency_cpu_b1_ms", "latency_cpu_b128_ms", "latency_gpu_b1_ms", "latency_gpu_b128_ms", "peak_memory_mb", "logit_difference",
  "groups_at_minimum", "train_macs"];
const CONFIG = ["target", "seed", "epochs_pretrain", "epochs_learn", "epochs_finetune"];
const ORIGIN = ["code_hash", "config_hash", "version", "torch", "device", "threads", "seconds_pretrain", "seconds_learn",
  "seconds_finetune", "finished_at", "timed_at"];
const QUANTITIES = { train_loss: "training loss", channels: "channels left", validation_accuracy: "validation accuracy" };

const raw = (name, run) => data.columns[name][run];
const parsed = (text) => { try { return JSON.parse(text || "{}"); } catch { return {}; } };
const title = (run) => `${raw("method", run)}, ${raw("target", run)}, seed ${raw("seed", run)}`;

function detail(run) {
  const cell = element("td", { colspan: columns.length }, element("div", { class: "run", id: `run-${run}`, role: "region", "aria-label": title(run) },
    element("h3", {}, `${title(run)}: ${raw("network", run)} on ${raw("dataset", run)}`),
    part("Learned structure", structure(run)),
    part("History", element("div", { id: `history-${run}` })),
    part("Results", list(Object.fromEntries(RESULTS.map((name) => [name, raw(name, run)])))),
    part("Config", list({ ...Object.fromEntries(CONFIG.map((name) => [name, raw(name, run)])), ...parsed(raw("knobs", run)) })),
    part("Provenance", list(Object.fromEntries(ORIGIN.map((name) => [name, raw(name, run)]))))));
  return element("tr", { class: "detail" }, cell);
}

const part = (name, body) => element("div", {}, element("h4", {}, name), body);

function list(values) {
  const there = Object.entries(values).filter(([, value]) => value !== null && value !== "" && value !== undefined);
  return element("dl", {}, ...there.flatMap(([name, value]) =>
    [element("dt", { title: data.meanings[name] ?? "setting of the method" }, name), element("dd", {}, typeof value === "number" ? Number(value.toPrecision(6)) : value)]));
}

function structure(run) {
  const kept = parsed(raw("widths", run));
  const dense = data.dense[`${raw("dataset", run)} ${raw("network", run)}`] ?? {};
  if (!Object.keys(kept).length) return element("p", { class: "note" }, "The run has no structure to show.");
  const lines = Object.entries(kept).map(([group, channels]) => {
    const whole = dense[group] ?? null;
    const text = typeof channels === "number" ? channels : JSON.stringify(channels);  // a network of the method's own
    const meter = whole ? element("meter", { min: 0, max: whole, value: channels, "aria-hidden": "true" }) : "";
    return element("tr", {}, element("th", { scope: "row" }, group), element("td", { class: "number" }, whole ? `${channels} of ${whole}` : text), element("td", {}, meter));
  });
  const head = element("thead", {}, element("tr", {}, ...["Group", "Channels kept", "Share"].map((name) => element("th", { scope: "col" }, name))));
  return element("table", {}, head, element("tbody", {}, ...lines));
}

function drawHistory(run) {
  const place = find(`#history-${run}`);
  const history = data.histories[run];
  if (!history) {
    place.append(element("p", { class: "note" }, "No history is recorded for this run."));
    return;
  }
  const values = Object.entries(QUANTITIES).filter(([key]) => history[key]).flatMap(([key, quantity]) =>
    history[key].map((value, i) => ({ quantity, value, epoch: history.epoch[i], phase: history.phase[i] })).filter(({ value }) => value !== null));
  const loss = (history.train_loss ?? []).filter((value) => value !== null);
  const description = `${loss.length} epochs; training loss from ${loss[0]} to ${loss.at(-1)}`;
  vegaEmbed(place, { ...data.curve, description, datasets: { history: values } }, { ast: true, actions: false, renderer: "svg" })
    .then(() => place.append(element("p", { class: "note" }, description + ".")));
}
