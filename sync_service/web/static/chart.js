// Draw charts of values: steps (dashed where they are reconstructed), the expected progress and the target; in the
// preview of a rule also the replayed line. Redraw them when the page refreshes.
(() => {
  if (!window.uPlot) return;

  const figures = (container) => JSON.parse((container.dataset.figures ? container : document.getElementById("chart-figures")).dataset.figures);

  // uPlot's columns: times, the value (constant between points), the expected value (a straight line), the target,
  // and the reconstructed or the replayed value where there is one.
  const columns = (f) => {
    const times = [...new Set([f.starts, ...[...f.reconstructed, ...(f.replayed ?? []), ...f.points].map(([at]) => at), f.until, f.ends])].sort((a, b) => a - b);
    const last = f.points[f.points.length - 1];
    const known = new Map(f.points.map(([at, value]) => [at, value]));
    if (f.until > last[0]) known.set(f.until, last[1]);
    const before = new Map(f.reconstructed.map(([at, value]) => [at, value]));
    const supposed = new Map((f.replayed ?? []).map(([at, value]) => [at, value]));
    const pace = (at) =>
      f.start === null || at < f.starts || at > f.ends ? null : f.start + ((f.target - f.start) * (at - f.starts)) / (f.ends - f.starts);
    return [
      times,
      times.map((at) => (known.has(at) ? known.get(at) : undefined)),
      times.map(pace),
      times.map(() => f.target),
      ...(before.size ? [times.map((at) => before.get(at))] : []),
      ...(supposed.size ? [times.map((at) => supposed.get(at))] : []),
    ];
  };

  // Without a pointer, the legend shows the current values.
  const latest = (f) => columns(f)[0].indexOf(f.until);

  // Values and the target are written by the server, which never rounds one to the other.
  const written = (f) => {
    const texts = new Map(f.points.map(([at, , text]) => [at, text]));
    texts.set(f.until, f.points[f.points.length - 1][2]);
    return (u, value, _, index) => (value === null || value === undefined ? "" : texts.get(u.data[0][index]));
  };

  const writtenOf = (points) => {
    const texts = new Map(points.map(([at, , text]) => [at, text]));
    return (u, value, _, index) => (value === null || value === undefined ? "" : texts.get(u.data[0][index]));
  };

  const formatted = (f) => (_, value) => {
    if (value === null || value === undefined) return "";
    const digits = value.toLocaleString("en", { maximumFractionDigits: 2 });
    return f.unit ? `${digits} ${f.unit}` : digits;
  };

  // Use the time zone of the other times on the page, not the browser's. Browsers do not know some old zone names.
  const zoned = (f) => {
    try {
      new Intl.DateTimeFormat("en", { timeZone: f.zone });
      return (at) => window.uPlot.tzDate(new Date(at * 1000), f.zone);
    } catch {
      return undefined;
    }
  };

  const options = (f, container) => {
    const colour = (name) => getComputedStyle(container).getPropertyValue(name).trim();
    const text = colour("--okr-chart-text");
    const grid = { stroke: colour("--okr-chart-grid"), width: 1 };
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const short = (values) => values.map((value) => value.toLocaleString("en", { maximumFractionDigits: 6 }) + (f.unit === "%" ? " %" : ""));
    return {
      width: Math.max(container.clientWidth, 120),
      height: window.innerWidth < 576 ? 200 : 260,
      padding: [12, 26, 0, 0],
      tzDate: zoned(f),
      cursor: { y: false, drag: { x: false, y: false } },
      hooks: { setCursor: [(u) => u.cursor.idx === null && u.setLegend({ idx: latest(f) })] },
      scales: {
        x: { time: true, range: () => [Math.min(f.starts, f.points[0][0]), Math.max(f.ends, f.until)] },
        y: {
          range: (_, low, high) => {
            const least = Math.min(low, f.start ?? f.target, f.target);
            const most = Math.max(high, f.start ?? f.target, f.target);
            const room = (most - least || 1) * 0.06;
            return [least === 0 ? 0 : least - room, most + room];
          },
        },
      },
      axes: [
        { stroke: text, grid: { show: false }, ticks: { show: false }, font, space: 70, values: "{D} {MMM}" },
        { stroke: text, grid, ticks: { show: false }, font, size: 56, values: (_, values) => short(values) },
      ],
      series: [
        { label: "time", value: "{D} {MMM}, {HH}:{mm}" },
        {
          label: f.replayed ? "as it is" : "value",
          stroke: colour("--okr-chart-value"),
          fill: colour("--okr-chart-fill"),
          width: 2,
          paths: window.uPlot.paths.stepped({ align: 1 }),
          points: { show: f.points.length < 40, size: 5 },
          value: written(f),
        },
        { label: "expected", stroke: colour("--okr-chart-pace"), width: 1.5, dash: [4, 5], points: { show: false }, value: formatted(f) },
        { label: "target", stroke: colour("--okr-chart-target"), width: 1.5, dash: [10, 5], points: { show: false }, value: () => f.target_text },
        ...(f.reconstructed.length ? [reconstructed(f, colour)] : []),
        ...(f.replayed ? [replayed(f, colour)] : []),
      ],
    };
  };

  const reconstructed = (f, colour) => ({
    label: "reconstructed",
    stroke: colour("--okr-chart-value"),
    width: 2,
    dash: [3, 4],
    paths: window.uPlot.paths.stepped({ align: 1 }),
    points: { show: false },
    value: writtenOf(f.reconstructed),
  });

  // Not told apart by its colour alone: thicker, and broken in long and short dashes.
  const replayed = (f, colour) => ({
    label: "as it would have been",
    stroke: colour("--okr-chart-replayed"),
    width: 3,
    dash: [10, 4, 3, 4],
    paths: window.uPlot.paths.stepped({ align: 1 }),
    points: { show: false },
    value: writtenOf(f.replayed),
  });

  const charts = new Map(); // by container: its plot, and what is drawn
  const draw = () => {
    for (const [container, { plot }] of charts) {
      if (container.isConnected) continue;
      resized.unobserve(container);
      plot.destroy();
      charts.delete(container);
    }
    for (const container of document.querySelectorAll(".chart")) {
      const f = figures(container);
      const current = JSON.stringify([f.points, f.reconstructed, f.replayed, f.start, f.target]);
      if (charts.get(container)?.drawn !== current) redraw(container, f, current);
    }
  };
  const redraw = (container, f, drawn) => {
    if (charts.has(container)) charts.get(container).plot.destroy();
    else resized.observe(container);
    container.replaceChildren();
    const plot = new window.uPlot(options(f, container), columns(f), container);
    charts.set(container, { plot, drawn });
    plot.setLegend({ idx: latest(f) });
  };

  const resized = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      const plot = charts.get(target)?.plot;
      if (plot && target.clientWidth !== plot.width) plot.setSize({ width: Math.max(target.clientWidth, 120), height: plot.height });
    }
  });

  draw();
  document.addEventListener("okr:refreshed", draw);
  document.addEventListener("okr:theme", () => charts.forEach(({ drawn }, container) => redraw(container, figures(container), drawn)));
  const preview = document.getElementById("preview");
  if (preview) new MutationObserver(draw).observe(preview, { childList: true });
})();
