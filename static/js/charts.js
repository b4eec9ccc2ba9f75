/* Charts: lines in ink over what was expected, upright lines for what went live, a dashed hard limit.

   <div class="readout" id="p95-readout" data-morph-keep></div>
   <div class="chart" id="p95-chart" data-chart="p95" data-readout="p95-readout" data-height="190" data-sync="page"
        data-zoom data-morph-keep role="img" aria-label="the finding in words"><svg>still picture</svg></div>
   <script type="application/json" id="p95" data-src="…">{…}</script>                     ({% chart %} writes all three)

   The data (times in seconds since 1970, ascending; null is a gap and is never bridged; Y begins at 0):

   {"unit": "ms", "times": [s…], "values": [number|null…], "low": [number|null…]|null, "high": [number|null…]|null,
    "marks": [{"at": s, "label": "v1.42.0", "kind": "deploy"|"rollback"|"configuration", "settings": 2}],
    "limit": {"value": 5, "label": "hard limit 5 %"}|null}

   More that it may have:
     "band": "least to greatest"                               what low and high are; "expected" without it
     "window": [s, s]                                          what the picture spans, also where nothing was measured
     "ghost": {"name": "a week before", "values": […]}         a fainter line beneath
     "lines": [{"name": "staging", "values": […]}]             several lines instead of one
     "phases": [{"name": "DNS", "values": […]}]                stacked, lowest first, instead of one line
     "spans": [{"from": s, "to": s, "label": "maintenance"}]   stretches that are shaded
     "relative": true                                          times are seconds since a release

   With data-src the data is fetched from there once the chart comes into sight, for the pixels it has, and again every
   30 s (304 when nothing has changed). Without a script the still picture and the table beside the chart remain.

   A morph swap changes only the <script>; the chart stays and takes the new data in place. Charts with the same
   data-sync share the crosshair. Times are written in the zone of the page (<html data-tz>). With data-zoom a drag, + or
   − puts `from` and `to` into the address, Escape takes them out; the arrows move the crosshair of a focused chart. */
(() => {
  const { $$ } = window.pd;
  const zone = document.documentElement.dataset.tz || undefined;
  const FONT = 'Inter, system-ui, sans-serif', REFRESH = 30_000, SHORTEST_ZOOM = 60, COLOURS = [
    'chart-line', 'chart-band', 'chart-grid', 'ink-2', 'ink-3', 'accent', 'failed', 'healthy', 'unsure', 'surface', 'blind-soft',
    'phase-1', 'phase-2', 'phase-3', 'phase-4', 'phase-5',
  ];
  const TONES = { rollback: 'healthy', configuration: 'unsure' };
  /* Lines are told apart by tone, then by dashes; the readout has the same signs (key--l1 … key--l8). */
  const LINES = ['chart-line', 'phase-4', 'phase-2', 'phase-3', 'chart-line', 'phase-4', 'phase-2', 'phase-3'].map((tone, n) => ({ tone, dash: n < 4 ? [] : [5, 4] }));
  const charts = new Map();        // root element -> {plot, text, data, readout, src, etag, at}

  /* --- words --- */
  const time = (seconds, isFine) => new Date(seconds * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', ...(isFine && { second: '2-digit' }), timeZone: zone });
  const day = seconds => new Date(seconds * 1000).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: zone });
  const span = data => (data.window ? data.window[1] - data.window[0] : data.times.at(-1) - data.times[0]) || 0;
  const since = seconds => seconds ? `+${window.pd.duration(seconds)}` : 'release';
  const instant = (data, seconds) => data.relative ? since(seconds) : span(data) > 86_400 ? `${day(seconds)} ${time(seconds)}` : time(seconds);
  const READABLE = 1e15, TINY = 1e-6;  // beyond these, numbers are written with their power of ten
  const power = (value, digits) => value.toExponential(digits).replace(/-/g, '\u2212');
  function figure(value) {
    if (value == null) return 'no data';
    const size = Math.abs(value);
    if (size >= READABLE || (size && size < TINY)) return power(value, 2);
    const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2;
    const text = size && size < 1 ? value.toLocaleString('en', { maximumSignificantDigits: 2 }) : value.toLocaleString('en', { maximumFractionDigits: digits });
    return text.replace('-', '\u2212');
  }
  const BYTE_STEPS = Array.from({ length: 52 }, (_, power) => 2 ** power);
  const BYTES = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const byteStep = value => Math.min(Math.max(Math.floor(Math.log2(Math.abs(value) || 1) / 10), 0), BYTES.length - 1);
  function quantity(value, unit) {
    if (value == null || !unit) return figure(value);
    const [, whole, rest] = /^(bytes)(.*)$/.exec(unit) || [], step = whole ? byteStep(value) : 0;
    return `${figure(value / 1024 ** step)}\u00a0${whole ? BYTES[step] + rest : unit}`;
  }

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
    if (!readout || index == null || index < 0 || !data.times.length) return;
    const parts = [document.createElement('span')], told = values => quantity(values[index], data.unit);
    parts[0].textContent = instant(data, data.times[index]);
    if (data.phases) data.phases.forEach((phase, n) => parts.push(key(`p${n + 1}`, phase.name, told(phase.values))));
    else if (data.lines) data.lines.forEach((line, n) => parts.push(key(`l${n % LINES.length + 1}`, line.name, told(line.values))));
    else parts.push(key('', 'measured', told(data.values)));
    if (data.ghost) parts.push(key('ghost', data.ghost.name, told(data.ghost.values)));
    if (data.low?.[index] != null && data.high?.[index] != null) {
      parts.push(key('band', data.band || 'expected', `${(data.unit || '').startsWith('bytes') ? told(data.low) : figure(data.low[index])} to ${told(data.high)}`));
    }
    readout.replaceChildren(...parts);
  }
  /* The latest moment at which something was measured. */
  function latest({ times, values, lines, phases }) {
    const all = values ? [values] : (lines || phases).map(part => part.values);
    for (let index = times.length - 1; index > 0; index--) if (all.some(one => one[index] != null)) return index;
    return times.length - 1;
  }
  function complain(root) {
    const readout = document.getElementById(root.dataset.readout);
    if (readout && !charts.get(root)?.plot) readout.textContent = 'The chart could not be loaded; the table has its numbers.';
  }

  /* --- drawing --- */
  function drawSpans({ ctx, bbox, valToPos }, { data }, colours, scale) {
    const end = bbox.left + bbox.width;
    ctx.save();
    ctx.font = `${11 * scale}px ${FONT}`;
    ctx.textAlign = 'left';
    for (const part of data.spans || []) {
      const left = Math.max(valToPos(part.from, 'x', true), bbox.left), right = Math.min(valToPos(part.to, 'x', true), end);
      if (right <= left) continue;
      ctx.fillStyle = colours['blind-soft'];
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
      ctx.fillStyle = colours['ink-2'];
      if (ctx.measureText(part.label).width + 8 * scale < right - left) ctx.fillText(part.label, left + 4 * scale, bbox.top + 13 * scale);
    }
    ctx.restore();
  }
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
  const caption = mark => mark.settings && mark.kind !== 'configuration' ? `${mark.label}, ${mark.settings} ${mark.settings === 1 ? 'setting' : 'settings'}` : mark.label;
  /* Labels sit above the plot; one that would overlap its left neighbour moves up a row, one that finds no row is left
     out: the table beside the chart has them all. */
  function drawMarks({ ctx, bbox, valToPos }, marks, colours, scale) {
    const ends = [-1, -1], last = bbox.left + bbox.width;
    for (const mark of marks) {
      const x = Math.round(valToPos(mark.at, 'x', true));
      if (x < bbox.left || x > last) continue;
      ctx.strokeStyle = ctx.fillStyle = colours[TONES[mark.kind] || 'accent'];
      ctx.lineWidth = 1.5 * scale;
      ctx.beginPath(); ctx.moveTo(x, bbox.top - 2 * scale); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
      const text = caption(mark), width = ctx.measureText(text).width + 8 * scale, isLeft = x + width > last, from = isLeft ? x - width : x;
      const row = ends.findIndex(end => from >= end);
      if (row < 0 || (row && bbox.top < 30 * scale)) continue;
      ctx.textAlign = isLeft ? 'right' : 'left';
      ends[row] = from + width;
      ctx.fillText(text, x + (isLeft ? -5 : 5) * scale, bbox.top - (5 + 13 * row) * scale);
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

  /* What stands above a chart and spans the same time begins and ends where its plot does. */
  function align(root, { bbox }) {
    const strip = root.parentElement.querySelector(':scope > [data-along]');
    if (!strip) return;
    const left = bbox.left / devicePixelRatio, right = root.clientWidth - left - bbox.width / devicePixelRatio;
    strip.style.marginInline = `${left}px ${Math.max(right, 0)}px`;
  }

  /* uPlot wants columns: [times, top of band, foot of band, ghost, values], or the lines, or the phases summed up, top
     layer first. */
  function columns(data) {
    const none = () => data.times.map(() => null);
    if (data.lines) return [data.times, ...data.lines.map(line => line.values)];
    if (!data.phases) return [data.times, data.high || none(), data.low || none(), data.ghost?.values || none(), data.values];
    const sums = [], below = data.times.map(() => 0);
    for (const phase of data.phases) sums.unshift(below.map((sum, i) => (below[i] = phase.values[i] == null || sum == null ? null : sum + phase.values[i])));
    return [data.times, ...sums];
  }
  /* points are shown only where a reading stands alone between two gaps: a line cannot show it */
  const alone = (plot, index) => {
    const values = plot.data[index];
    return [...values.keys()].filter(i => values[i] != null && values[i - 1] == null && values[i + 1] == null);
  };
  const stroke = (colour, width = 1.6, dash = []) => ({ stroke: colour, width, dash, spanGaps: false, points: { show: true, size: 3.5, filter: alone, fill: colour } });
  function layers(data, colours) {
    const bare = { stroke: 'transparent', points: { show: false } };
    if (data.phases) {
      const phases = data.phases.map((_, n) => ({ stroke: colours.surface, width: data.times.length > 200 ? 0 : .75, fill: colours[`phase-${n + 1}`], points: { show: false } }));
      return { series: [{}, ...phases.reverse()], bands: [] };
    }
    if (data.lines) return { series: [{}, ...data.lines.map((_, n) => { const { tone, dash } = LINES[n % LINES.length]; return stroke(colours[tone], n ? 1.4 : 1.8, dash); })], bands: [] };
    return { series: [{}, bare, bare, stroke(colours['ink-3'], 1.2, [3, 3]), stroke(colours['chart-line'])], bands: [{ series: [1, 2], fill: colours['chart-band'] }] };
  }
  function yLabels(unit) {
    return (_, splits) => {
      const isBytes = unit.startsWith('bytes'), step = isBytes ? byteStep(splits.at(-1)) : 0;
      const told = isBytes ? BYTES[step] + unit.slice(5) : unit;
      const isLong = value => Math.abs(value) >= READABLE || (value && Math.abs(value) < TINY);
      const short = value => isLong(value) ? power(value) : value.toLocaleString('en', { maximumSignificantDigits: 6 });
      return splits.map((value, i) => short(+(value / 1024 ** step).toPrecision(6)) + (i === splits.length - 1 && told ? ` ${told}` : ''));
    };
  }
  function axes(chart, colours) {
    const common = { stroke: colours['ink-2'], font: `11px ${FONT}`, ticks: { show: false }, gap: 4 };
    const unit = chart.data.unit || '', { relative } = chart.data;
    const times = (_, splits, __, ___, step) => splits.map(at => relative ? since(at) : step >= 86_400 ? day(at) : time(at, step < 60));
    const wide = (_, labels) => Math.max(...(labels || ['']).map(label => label.length), 4) * 6 + 12;
    return [
      { ...common, size: 24, grid: { show: false }, values: times, space: 70, ...(relative && { incrs: [60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800] }) },
      { ...common, grid: { stroke: colours['chart-grid'], width: 1 }, size: wide, space: 34, values: yLabels(unit), ...(unit.startsWith('bytes') && { incrs: BYTE_STEPS }) },
    ];
  }
  function options(root, chart, colours) {
    const { zoom } = root.dataset, isZoomable = zoom != null && !chart.data.relative;
    const tall = () => (chart.data.marks || []).length > 1 ? 32 : 18;
    const top = (_, low, high) => [Math.min(0, low ?? 0), (Math.max(high ?? 0, chart.data.limit?.value ?? 0) || 1) * 1.12];
    const across = (_, low, high) => chart.data.window && !chart.isMagnified ? chart.data.window : low === high ? [low - 60, high + 60] : [low, high];
    return {
      width: root.clientWidth, height: Number(root.dataset.height) || 190, padding: [tall, 18, 0, 0], legend: { show: false },
      ...layers(chart.data, colours), axes: axes(chart, colours),
      tzDate: at => zone ? uPlot.tzDate(new Date(at * 1000), zone) : new Date(at * 1000),
      scales: { x: { time: !chart.data.relative, ...(chart.data.window && { range: across }) }, y: { range: top } },
      cursor: { ...(root.dataset.sync && { sync: { key: root.dataset.sync } }), y: false, points: { size: 6 }, drag: { x: true, y: false, setScale: !isZoomable } },
      hooks: {
        drawClear: [plot => drawSpans(plot, chart, colours, devicePixelRatio)],
        draw: [plot => drawOver(plot, chart, colours), plot => align(root, plot)],
        setCursor: [plot => say(chart, plot.cursor.idx ?? latest(chart.data))],
        setSelect: [plot => isZoomable && zoomTo(root, plot)],
        setScale: [(plot, name) => { if (name === 'x' && !isZoomable) chart.isMagnified = isZoomed(chart, plot); }],
      },
    };
  }

  /* --- zoom: it stands in the address, so that it can be sent to somebody and Back leads out of it --- */
  const stamp = seconds => `${new Date(Math.round(seconds) * 1000).toISOString().slice(0, 19)}Z`;

  function zoomTo(root, plot) {
    const { left, width } = plot.select;
    if (width < 4) return;
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    const from = plot.posToVal(left, 'x'), to = plot.posToVal(left + width, 'x');
    show(root, from, Math.max(to, from + SHORTEST_ZOOM));
  }
  /* Half the window or twice, around the crosshair. */
  function zoomBy(root, { plot }, factor) {
    const { min, max } = plot.scales.x, middle = plot.cursor.left >= 0 ? plot.posToVal(plot.cursor.left, 'x') : (min + max) / 2;
    const half = Math.max((max - min) * factor, SHORTEST_ZOOM) / 2, to = Math.min(middle + half, window.pd.now() / 1000);
    show(root, to - 2 * half, to);
  }
  function show(root, from, to) {
    const url = new URL(location.href), region = root.closest('[data-live]');
    for (const [name, at] of [['from', from], ['to', to]]) if (at == null) url.searchParams.delete(name); else url.searchParams.set(name, stamp(at));
    if (url.href === location.href) return;
    const address = url.pathname + url.search;
    if (!region) { location.href = address; return; }
    history.replaceState({ htmx: true }, '', location.href);
    history.pushState({ htmx: true }, '', address);
    region.setAttribute('hx-get', address);
    htmx.process(region);
    htmx.ajax('GET', address, { source: region }).catch(() => {});
  }

  /* --- keyboard --- */
  function step(chart, move) {
    const { plot, data } = chart, last = data.times.length - 1;
    const index = Math.min(Math.max(move(plot.cursor.idx ?? latest(data), last), 0), last);
    const left = Math.min(Math.max(plot.valToPos(data.times[index], 'x'), 0), plot.over.clientWidth - 1);
    plot.setCursor({ left, top: plot.over.clientHeight / 2 }, true, true);
    say(chart, index);
  }
  const MOVES = {
    ArrowLeft: by => index => index - by, ArrowRight: by => index => index + by,
    Home: () => () => 0, End: () => (_, last) => last,
  };
  function pressKey(event) {
    const root = event.target.closest?.('[data-chart]'), chart = charts.get(root);
    if (!chart?.plot || event.target !== root || event.ctrlKey || event.metaKey || event.altKey) return;
    const isZoomable = 'zoom' in root.dataset && !chart.data.relative;
    if (MOVES[event.key]) step(chart, MOVES[event.key](event.shiftKey ? 10 : 1));
    else if (isZoomable && ['+', '='].includes(event.key)) zoomBy(root, chart, .5);
    else if (isZoomable && ['-', '_'].includes(event.key)) zoomBy(root, chart, 2);
    else if (event.key === 'Escape') { plotAway(chart); if (isZoomable) show(root, null, null); } else return;
    event.preventDefault();
  }
  function plotAway(chart) {
    chart.isMagnified = false;
    chart.plot.setCursor({ left: -10, top: -10 }, true, true);
    chart.plot.setData(chart.plot.data, true);
  }
  /* The figures are read aloud while the chart is used by keyboard, not while a mouse passes over it. */
  const speak = event => charts.get(event.target)?.readout?.setAttribute('aria-live', event.type === 'focusin' ? 'polite' : 'off');

  /* --- life of a chart --- */
  function draw(root, text) {
    const known = charts.get(root) || {};
    known.plot?.destroy();
    root.replaceChildren();
    const chart = Object.assign(known, { text, data: JSON.parse(text), readout: document.getElementById(root.dataset.readout), isMagnified: false });
    charts.set(root, chart);
    chart.plot = new uPlot(options(root, chart, palette()), columns(chart.data), root);
    chart.plot.over.setAttribute('aria-hidden', 'true');
    root.tabIndex = 0;
    root.setAttribute('role', 'application');
    root.setAttribute('aria-roledescription', 'chart');
    say(chart, latest(chart.data));
  }
  const isZoomed = ({ data }, plot) => {
    const [from, to] = data.window || [data.times[0], data.times.at(-1)];
    return plot.scales.x.min > from || plot.scales.x.max < to;
  };
  const shape = data => JSON.stringify([data.unit, data.relative, !data.window, (data.lines || data.phases)?.map(part => part.name), data.marks?.length > 1]);

  function update(root, text) {
    const chart = charts.get(root), data = JSON.parse(text), staysZoomed = isZoomed(chart, chart.plot);
    if (shape(data) !== shape(chart.data)) return draw(root, text);
    Object.assign(chart, { text, data });
    chart.plot.setData(columns(data), !staysZoomed);
    if (staysZoomed) chart.plot.redraw();
    say(chart, chart.plot.cursor.idx ?? latest(data));
  }
  function take(root, text) {
    if (!root.clientWidth) return;
    if (!JSON.parse(text).times.length) return clear(root, text);
    if (!charts.get(root)?.plot) { draw(root, text); widths.observe(root); } else if (charts.get(root).text !== text) update(root, text);
  }
  function clear(root, text) {
    const chart = charts.get(root) || {}, readout = document.getElementById(root.dataset.readout);
    chart.plot?.destroy();
    charts.set(root, Object.assign(chart, { plot: null, text }));
    root.replaceChildren();
    if (readout) readout.textContent = 'Nothing was measured in this time.';
  }
  function refresh() {
    for (const [root, chart] of charts) if (!root.isConnected) { chart.plot?.destroy(); charts.delete(root); }
    for (const root of $$('[data-chart]')) {
      const source = document.getElementById(root.dataset.chart);
      if (!source || !root.clientWidth) continue;
      if (source.dataset.src) sight.observe(root); else if (source.textContent) take(root, source.textContent);
      if (charts.get(root)?.inSight) load(root);
    }
  }
  function redrawAll() {
    for (const [root, chart] of charts) if (chart.plot) draw(root, chart.text);
  }

  /* --- data that is fetched --- */
  async function load(root, isDue = false) {
    const source = document.getElementById(root.dataset.chart)?.dataset.src, known = charts.get(root) || {};
    if (!source || !root.clientWidth) return;
    const url = new URL(source, location.href);
    url.searchParams.set('width', Math.ceil(root.clientWidth / 50) * 50);
    if (known.src === url.href && !isDue) return;
    charts.set(root, Object.assign(known, { src: url.href, etag: known.src === url.href ? known.etag : '' }));
    try {
      const answer = await fetch(url, { headers: { Accept: 'application/json', ...(known.etag && { 'If-None-Match': known.etag }) } });
      if (answer.status === 304 || known.src !== url.href) return;
      if (!answer.ok) throw new Error(String(answer.status));
      known.etag = answer.headers.get('ETag') || '';
      take(root, await answer.text());
    } catch { complain(root); }
  }
  const sight = new IntersectionObserver(entries => {
    for (const { target, isIntersecting } of entries) {
      charts.set(target, Object.assign(charts.get(target) || {}, { inSight: isIntersecting }));
      if (isIntersecting) load(target);
    }
  }, { rootMargin: '240px' });
  setInterval(() => {
    if (document.hidden) return;
    for (const [root, chart] of charts) if (chart.inSight && root.isConnected) load(root, true);
  }, REFRESH);

  /* The server thins lines to the pixels there are: it is told once how many. */
  function tellWidth() {
    const widest = Math.max(0, ...$$('[data-chart]').map(root => root.clientWidth));
    if (widest) document.cookie = `chart=${Math.ceil(widest / 50) * 50}; path=/; max-age=31536000; samesite=lax`;
  }
  const widths = new ResizeObserver(entries => {
    for (const { target } of entries) {
      const plot = charts.get(target)?.plot;
      if (plot && target.clientWidth && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: plot.height });
    }
  });
  new MutationObserver(redrawAll).observe(document.documentElement, { attributes: true, attributeFilter: ['data-bs-theme'] });
  document.addEventListener('htmx:afterSettle', refresh);
  document.addEventListener('htmx:afterSwap', () => { for (const [root, { plot }] of charts) if (plot && root.isConnected) align(root, plot); });
  document.addEventListener('toggle', refresh, true);          // a chart in a closed <details> has no width yet
  document.addEventListener('keydown', pressKey);
  document.addEventListener('focusin', speak);
  document.addEventListener('focusout', speak);
  document.fonts.ready.then(() => { tellWidth(); refresh(); });
})();
