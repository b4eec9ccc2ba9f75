/* Charts: one line in ink, one band (what was expected), upright lines for deployments, a dashed hard limit.

   <div class="readout" id="p95-readout" data-morph-keep></div>
   <div class="chart" id="p95-chart" data-chart="p95" data-readout="p95-readout" data-height="190" data-sync="page"
        data-morph-keep role="img" aria-label="the finding in words"></div>
   <script type="application/json" id="p95">{…}</script>                                  ({% chart %} writes all three)

   The data (times in seconds since 1970, ascending; null is a gap and is never bridged; Y begins at 0):

   {"unit": "ms", "times": [s…], "values": [number|null…], "low": [number|null…]|null, "high": [number|null…]|null,
    "marks": [{"at": s, "label": "v1.42.0", "kind": "deploy"|"rollback"}], "limit": {"value": 5, "label": "hard limit 5 %"}|null}

   Stacked phases of a reading instead of one line, lowest first: "phases": [{"name": "DNS", "values": [number|null…]}].

   A morph swap changes only the <script>; the chart stays and takes the new data in place. Charts with the same
   data-sync share the crosshair. Times are written in the zone of the page (<html data-tz>). */
(() => {
  const { $$ } = window.pd;
  const zone = document.documentElement.dataset.tz || undefined;
  const FONT = 'Inter, system-ui, sans-serif', COLOURS = [
    'chart-line', 'chart-band', 'chart-grid', 'ink-2', 'accent', 'failed', 'healthy', 'surface', 'phase-1', 'phase-2', 'phase-3', 'phase-4',
  ];
  const charts = new Map();        // root element -> {plot, text, data}

  /* --- words --- */
  const time = seconds => new Date(seconds * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: zone });
  const day = seconds => new Date(seconds * 1000).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: zone });
  const span = data => (data.times.at(-1) - data.times[0]) || 0;
  const instant = (data, seconds) => span(data) > 86_400 ? `${day(seconds)} ${time(seconds)}` : time(seconds);
  function figure(value) {
    if (value == null) return 'no data';
    const size = Math.abs(value), digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
    const text = size && size < 1 ? value.toLocaleString('en', { maximumSignificantDigits: 2 }) : value.toLocaleString('en', { maximumFractionDigits: digits });
    return text.replace('-', '\u2212');
  }
  const quantity = (value, unit) => value == null || !unit ? figure(value) : `${figure(value)}\u00a0${unit}`;

  /* Resolves light-dark() to a plain colour that a canvas understands. */
  function palette() {
    const probe = document.createElement('i'), found = {};
    probe.className = 'visually-hidden';
    document.body.append(probe);
    for (const name of COLOURS) { probe.style.color = `var(--pd-${name})`; found[name] = getComputedStyle(probe).color; }
    probe.remove();
    return found;
  }

  /* --- readout: text nodes only, the data is not trusted to be markup --- */
  function key(kind, name, value) {
    const item = document.createElement('span'), strong = document.createElement('b');
    item.className = kind ? `key key--${kind}` : 'key';
    strong.textContent = value;
    item.append(`${name} `, strong);
    return item;
  }
  function say(chart, index) {
    const { data, readout } = chart;
    if (!readout || index < 0) return;
    const parts = [document.createElement('span')];
    parts[0].textContent = instant(data, data.times[index]);
    if (data.phases) data.phases.forEach((phase, n) => parts.push(key(`p${n + 1}`, phase.name, quantity(phase.values[index], data.unit))));
    else parts.push(key('', 'measured', quantity(data.values[index], data.unit)));
    if (data.low?.[index] != null && data.high?.[index] != null) {
      parts.push(key('band', 'expected', `${figure(data.low[index])} to ${quantity(data.high[index], data.unit)}`));
    }
    readout.replaceChildren(...parts);
  }

  /* --- drawing --- */
  function drawLimit({ ctx, bbox, valToPos }, limit, colours, scale) {
    const y = Math.round(valToPos(limit.value, 'y', true));
    ctx.strokeStyle = ctx.fillStyle = colours.failed;
    ctx.lineWidth = 1.25 * scale;
    ctx.setLineDash([5 * scale, 4 * scale]);
    ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
    ctx.setLineDash([]);
    ctx.textAlign = 'left';
    ctx.fillText(limit.label, bbox.left + 4 * scale, y - 5 * scale);
  }
  /* Labels sit above the plot; one that would overlap its left neighbour moves up a row. */
  function drawMarks({ ctx, bbox, valToPos }, marks, colours, scale) {
    let end = -1, row = 0;
    for (const mark of marks) {
      const x = Math.round(valToPos(mark.at, 'x', true));
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.strokeStyle = ctx.fillStyle = mark.kind === 'rollback' ? colours.healthy : colours.accent;
      ctx.lineWidth = 1.5 * scale;
      ctx.beginPath(); ctx.moveTo(x, bbox.top - 2 * scale); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      const width = ctx.measureText(mark.label).width + 8 * scale, isLeft = x + width > bbox.left + bbox.width, from = isLeft ? x - width : x;
      ctx.textAlign = isLeft ? 'right' : 'left';
      row = from < end ? row + 1 : 0;
      end = from + width;
      ctx.fillText(mark.label, x + (isLeft ? -5 : 5) * scale, bbox.top - (5 + 13 * row) * scale);
    }
  }
  function drawOver(plot, chart, colours) {
    const scale = devicePixelRatio, { ctx } = plot;
    ctx.save();
    ctx.font = `600 ${11 * scale}px ${FONT}`;
    if (chart.data.limit) drawLimit(plot, chart.data.limit, colours, scale);
    drawMarks(plot, chart.data.marks || [], colours, scale);
    ctx.restore();
  }

  /* uPlot wants columns: [times, top of band, foot of band, values], or the phases summed up, top layer first. */
  function columns(data) {
    if (!data.phases) return [data.times, data.high || data.times.map(() => null), data.low || data.times.map(() => null), data.values];
    const sums = [], below = data.times.map(() => 0);
    for (const phase of data.phases) sums.unshift(below.map((sum, i) => (below[i] = phase.values[i] == null || sum == null ? null : sum + phase.values[i])));
    return [data.times, ...sums];
  }
  function layers(data, colours) {
    const bare = { stroke: 'transparent', points: { show: false } };
    if (data.phases) {
      const phases = data.phases.map((_, n) => ({ stroke: colours.surface, width: .75, fill: colours[`phase-${n + 1}`], points: { show: false } }));
      return { series: [{}, ...phases.reverse()], bands: [] };
    }
    /* points are shown only where a reading stands alone between two gaps: a line cannot show it */
    const alone = (plot, index) => {
      const values = plot.data[index];
      return [...values.keys()].filter(i => values[i] != null && values[i - 1] == null && values[i + 1] == null);
    };
    const line = { stroke: colours['chart-line'], width: 1.6, spanGaps: false, points: { show: true, size: 3.5, filter: alone, fill: colours['chart-line'] } };
    return { series: [{}, bare, bare, line], bands: [{ series: [1, 2], fill: colours['chart-band'] }] };
  }
  function axes(chart, colours) {
    const common = { stroke: colours['ink-2'], font: `11px ${FONT}`, ticks: { show: false }, gap: 4 };
    const unit = chart.data.unit || '';
    const label = (_, splits) => splits.map((value, i) => (+value.toFixed(6)).toLocaleString('en') + (i === splits.length - 1 && unit ? ` ${unit}` : ''));
    const times = (_, splits, __, ___, step) => splits.map(at => step >= 86_400 ? day(at) : time(at));
    return [
      { ...common, size: 24, grid: { show: false }, values: times, space: 70 },
      { ...common, grid: { stroke: colours['chart-grid'], width: 1 }, size: 34 + 6 * unit.length, space: 34, values: label },
    ];
  }
  function options(root, chart, colours) {
    const tall = () => root.clientWidth < 420 && (chart.data.marks || []).length > 1 ? 32 : 18;
    const top = (_, low, high) => [Math.min(0, low ?? 0), (Math.max(high ?? 0, chart.data.limit?.value ?? 0) || 1) * 1.12];
    return {
      width: root.clientWidth, height: Number(root.dataset.height) || 190, padding: [tall, 8, 0, 0], legend: { show: false },
      ...layers(chart.data, colours), axes: axes(chart, colours),
      tzDate: at => zone ? uPlot.tzDate(new Date(at * 1000), zone) : new Date(at * 1000),
      scales: { x: { time: true }, y: { range: top } },
      cursor: { ...(root.dataset.sync && { sync: { key: root.dataset.sync } }), y: false, points: { size: 6 }, drag: { x: true, y: false } },
      hooks: { draw: [plot => drawOver(plot, chart, colours)], setCursor: [plot => say(chart, plot.cursor.idx ?? chart.data.times.length - 1)] },
    };
  }

  /* --- life of a chart --- */
  function draw(root, text) {
    charts.get(root)?.plot?.destroy();
    root.replaceChildren();
    const chart = { text, data: JSON.parse(text), readout: document.getElementById(root.dataset.readout) };
    charts.set(root, chart);
    chart.plot = new uPlot(options(root, chart, palette()), columns(chart.data), root);
    chart.plot.over.setAttribute('aria-hidden', 'true');
    say(chart, chart.data.times.length - 1);
  }
  const isZoomed = ({ plot, data }) => plot.scales.x.min > data.times[0] || plot.scales.x.max < data.times.at(-1);
  const shape = data => JSON.stringify([data.unit, data.phases?.map(phase => phase.name)]);

  function update(root, text) {
    const chart = charts.get(root), data = JSON.parse(text), staysZoomed = isZoomed(chart);
    if (shape(data) !== shape(chart.data)) return draw(root, text);
    Object.assign(chart, { text, data });
    chart.plot.setData(columns(data), !staysZoomed);
    if (staysZoomed) chart.plot.redraw();
    say(chart, chart.plot.cursor.idx ?? data.times.length - 1);
  }
  function refresh() {
    for (const [root, chart] of charts) if (!root.isConnected) { chart.plot?.destroy(); charts.delete(root); }
    for (const root of $$('[data-chart]')) {
      const text = document.getElementById(root.dataset.chart)?.textContent;
      if (!text || !root.clientWidth) continue;
      if (!charts.has(root)) { draw(root, text); widths.observe(root); } else if (charts.get(root).text !== text) update(root, text);
    }
  }
  function redrawAll() {
    for (const [root, chart] of charts) draw(root, chart.text);
  }

  const widths = new ResizeObserver(entries => {
    for (const { target } of entries) {
      const plot = charts.get(target)?.plot;
      if (plot && target.clientWidth && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: plot.height });
    }
  });
  new MutationObserver(redrawAll).observe(document.documentElement, { attributes: true, attributeFilter: ['data-bs-theme'] });
  document.addEventListener('htmx:afterSettle', refresh);
  document.addEventListener('toggle', refresh, true);          // a chart in a closed <details> has no width yet
  document.fonts.ready.then(refresh);
})();
