'use strict';
(() => {
  const page = JSON.parse(document.getElementById('plots').textContent);
  const root = document.documentElement;
  const main = document.querySelector('main');
  // told apart by people who see colours differently; one set for each background
  const palettes = {
    light: ['#2563c9', '#d4530b', '#15803d', '#9333c4', '#be185d', '#0e7490', '#92600a', '#52525b'],
    dark: ['#6cb2ff', '#ff9f5a', '#4cc77a', '#cf95ff', '#ff86b4', '#45c8dd', '#e0b04a', '#a9b1ba'],
  };
  const dashes = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot'];
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const state = { theme: null, hidden: new Set(), smooth: 0, log: false };

  const element = (name, text) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const theme = () => state.theme || (dark.matches ? 'dark' : 'light');
  const colour = (at) => palettes[theme()][at % palettes[theme()].length];
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  // an average of the past that forgets; like TensorBoard's, corrected for its start at zero
  const smoothed = (values, weight) => {
    let sum = 0;
    let seen = 0;
    return values.map((value) => {
      if (typeof value !== 'number') return value;
      sum = sum * weight + (1 - weight) * value;
      seen += 1;
      return sum / (1 - weight ** seen);
    });
  };
  // the same shake at each drawing
  const shaken = (values, salt) => {
    const places = new Map([...new Set(values)].map((value, at) => [value, at]));
    const numbers = values.every((value) => value === null || typeof value === 'number');
    const span = numbers ? Math.max(...values) - Math.min(...values) || 1 : 1;
    return values.map((value, at) => {
      const noise = Math.abs(Math.sin((at + 1) * salt) * 10000) % 1 - 0.5;
      return numbers ? value + noise * span * 0.03 : places.get(value) + noise * 0.6;
    });
  };

  const layoutOf = (card) => {
    const axis = (label) => ({
      title: { text: label, standoff: 10, font: { color: css('--faint') } },
      gridcolor: css('--line'), linecolor: css('--line'), zerolinecolor: css('--line'),
      tickfont: { color: css('--faint') }, automargin: true,
    });
    return {
      font: { family: 'system-ui, "DejaVu Sans", sans-serif', size: 12, color: css('--text') },
      paper_bgcolor: css('--card'), plot_bgcolor: css('--card'),
      margin: { l: 56, r: 16, t: 28, b: 48 },
      showlegend: false, hovermode: 'closest',
      hoverlabel: { bgcolor: css('--card'), bordercolor: css('--line'), font: { color: css('--text') }, namelength: -1 },
      modebar: { bgcolor: 'rgba(0,0,0,0)', color: css('--faint'), activecolor: css('--accent') },
      legend: { orientation: 'h', y: -0.25, x: 0, font: { color: css('--text') } },
      xaxis: axis(card.xLabel), yaxis: axis(card.yLabel),
    };
  };

  const drawSeries = (card) => {
    const layout = layoutOf(card);
    const traces = [];
    const shown = card.series.filter((series) => !state.hidden.has(series.revision));
    for (const series of shown) {
      const paint = colour(series.revision);
      const trace = { name: series.label, x: series.x, y: series.y, hovertemplate: '%{y:.5g}' };
      if (card.kind === 'bars') {
        Object.assign(trace, {
          type: 'bar', orientation: 'h', marker: { color: paint, opacity: 1 - 0.3 * series.dash },
          hovertemplate: '%{y}: %{x:.5g}',
        });
      } else if (card.kind === 'points') {
        Object.assign(trace, {
          type: 'scatter', mode: 'markers', marker: { color: paint, size: 7, opacity: 0.75, symbol: series.dash },
          hovertemplate: '%{x}, %{y}',
        });
        if (card.jitter) {
          trace.text = series.x.map((x, at) => `${x}, ${series.y[at]}`);
          trace.hovertemplate = '%{text}';
          trace.x = shaken(series.x, 12.9898);
          trace.y = shaken(series.y, 78.233);
          for (const [name, values] of [['xaxis', series.x], ['yaxis', series.y]]) {
            const labels = [...new Set(values)];
            if (labels.some((label) => typeof label === 'string')) {
              Object.assign(layout[name], { tickvals: labels.map((_, at) => at), ticktext: labels });
            }
          }
        }
      } else {
        const few = series.x.length <= 60;
        const line = { color: paint, width: 2, dash: dashes[series.dash % dashes.length] };
        Object.assign(trace, { type: 'scatter', mode: few ? 'lines+markers' : 'lines', line, marker: { size: 5, color: paint } });
        const weight = state.smooth || (card.smooth ? 0.6 : 0);
        if (weight > 0) {
          traces.push({ ...trace, mode: 'lines', opacity: 0.25, hoverinfo: 'skip', hovertemplate: null, showlegend: false });
          trace.y = smoothed(series.y, weight);
          trace.mode = 'lines';
        }
      }
      traces.push(trace);
    }
    // where one plot has several curves of a revision, colour alone does not tell them apart
    layout.showlegend = card.series.some((series) => series.dash > 0);
    if (card.kind === 'lines') {
      layout.hovermode = 'x unified';
      if (state.log) layout.yaxis.type = 'log';
    }
    if (card.kind === 'bars') {
      layout.barmode = 'group';
      layout.yaxis.type = 'category';
      layout.yaxis.autorange = card.sorted ? true : 'reversed';
      if (card.sorted) layout.yaxis.categoryorder = 'total ascending';
    }
    return [traces, layout];
  };

  const drawMatrices = (card) => {
    const layout = layoutOf(card);
    const shown = card.matrices.filter((matrix) => !state.hidden.has(matrix.revision));
    const axes = [layout.xaxis, layout.yaxis];
    const most = card.normalized ? 1 : Math.max(1, ...shown.flatMap((matrix) => matrix.cells.flat()));
    layout.annotations = [];
    layout.margin.t = 40;
    layout.coloraxis = {
      cmin: 0, cmax: most, colorscale: [[0, css('--card')], [1, css('--accent')]],
      colorbar: { thickness: 12, outlinewidth: 0, tickfont: { color: css('--faint') } },
    };
    const traces = shown.map((matrix, at) => {
      const suffix = at ? String(at + 1) : '';
      const gap = 0.09;
      const width = (1 - gap * (shown.length - 1)) / shown.length;
      const start = at * (width + gap);
      layout[`xaxis${suffix}`] = {
        ...axes[0], domain: [start, start + width], anchor: `y${suffix}`, type: 'category', showgrid: false, constrain: 'domain',
      };
      layout[`yaxis${suffix}`] = {
        ...axes[1], anchor: `x${suffix}`, type: 'category', autorange: 'reversed', showgrid: false, constrain: 'domain',
        constraintoward: 'top', scaleanchor: `x${suffix}`, title: at ? undefined : axes[1].title,
      };
      layout.annotations.push({
        text: matrix.label.replace(/[<&]/g, (mark) => (mark === '<' ? '&lt;' : '&amp;')), showarrow: false,
        xref: 'paper', yref: 'paper', x: start + width / 2, y: 1, yanchor: 'bottom', yshift: 6,
        font: { color: colour(matrix.revision), size: 13 },
      });
      return {
        type: 'heatmap', name: matrix.label, x: matrix.x, y: matrix.y, z: matrix.cells, coloraxis: 'coloraxis',
        xaxis: `x${suffix}`, yaxis: `y${suffix}`, xgap: 1, ygap: 1,
        texttemplate: matrix.x.length <= 24 ? (card.normalized ? '%{z:.2f}' : '%{z}') : '',
        hovertemplate: `${card.xLabel} %{x}<br>${card.yLabel} %{y}<br>%{z:.5~g}<extra></extra>`,
      };
    });
    return [traces, layout];
  };

  const fileName = (card) => card.title.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^-+|-+$/g, '') || 'plot';
  const save = (card, format, letter) => ({
    name: `save-${format}`, title: `save as ${format.toUpperCase()}`, icon: letter,
    click: (plot) => Plotly.downloadImage(plot, {
      format, filename: fileName(card), scale: format === 'png' ? 2 : 1,
      width: plot.clientWidth, height: plot.clientHeight,
    }),
  });
  // an arrow onto a line; a camera
  const icons = {
    svg: { width: 24, height: 24, path: 'M11 3h2v8h3l-4 4-4-4h3zM4 19h16v2H4z' },
    png: { width: 24, height: 24, path: 'M9 4l-1.5 2H4v14h16V6h-3.5L15 4zM12 9a4 4 0 1 1 0 8 4 4 0 0 1 0-8z' },
  };
  const configOf = (card) => ({
    responsive: true, displaylogo: false, displayModeBar: true,
    modeBarButtonsToRemove: ['toImage', 'select2d', 'lasso2d', 'autoScale2d', 'zoomIn2d', 'zoomOut2d'],
    modeBarButtonsToAdd: [save(card, 'svg', icons.svg), save(card, 'png', icons.png)],
  });

  const draw = (card) => {
    if (card.kind === 'images') {
      for (const figure of card.figures) {
        figure.node.hidden = state.hidden.has(figure.revision);
        figure.node.style.setProperty('--colour', colour(figure.revision));
      }
      return null;
    }
    if (!card.plot) return null;
    const [traces, layout] = card.kind === 'matrix' ? drawMatrices(card) : drawSeries(card);
    return Plotly.react(card.plot, traces, layout, configOf(card));
  };

  const build = (card) => {
    const section = element('section');
    section.append(element('h2', card.title));
    card.section = section;
    if (card.kind === 'images') {
      section.classList.add('wide');
      const pictures = element('div');
      pictures.className = 'pictures';
      card.figures = card.images.map((image) => {
        const figure = element('figure');
        const caption = element('figcaption');
        caption.append(element('i'), image.label);
        const link = element('a');
        link.href = image.source;
        link.download = image.file.split('/').pop();
        link.title = 'save';
        const picture = element('img');
        picture.src = image.source;
        picture.alt = `${card.title}, ${image.label}`;
        link.append(picture);
        figure.append(caption, link);
        pictures.append(figure);
        return { node: figure, revision: image.revision };
      });
      section.append(pictures);
    } else if ((card.series || card.matrices).length === 0) {
      const note = element('p', 'no data');
      note.className = 'note';
      section.append(note);
    } else {
      card.plot = element('div');
      card.plot.className = 'plot';
      if (card.kind === 'matrix') {
        section.classList.toggle('wide', card.matrices.length > 1);
        card.plot.style.height = '420px';
      } else if (card.kind === 'bars') {
        const rows = card.series.reduce((sum, series) => sum + series.y.length, 0);
        card.plot.style.height = `${Math.max(320, 90 + rows * 22)}px`;
      } else if (card.series.some((series) => series.dash > 0)) {
        // room for the legend
        card.plot.style.height = `${320 + 11 * card.series.length}px`;
      }
      section.append(card.plot);
    }
    if (card.note) {
      const note = element('p', card.note);
      note.className = 'note';
      section.append(note);
    }
    main.append(section);
  };

  const drawAll = () => {
    root.dataset.theme = theme();
    chips.forEach((chip, at) => {
      chip.style.setProperty('--colour', colour(at));
      chip.setAttribute('aria-pressed', String(!state.hidden.has(at)));
    });
    return Promise.all(page.plots.map(draw));
  };

  document.querySelector('h1').textContent = page.title;
  const chips = page.revisions.map((revision, at) => {
    const chip = element('button');
    chip.type = 'button';
    chip.title = 'click to hide or show, double-click to see it alone';
    chip.append(element('i'), revision);
    chip.addEventListener('click', () => {
      if (!state.hidden.delete(at)) state.hidden.add(at);
      drawAll();
    });
    chip.addEventListener('dblclick', () => {
      const alone = state.hidden.size === page.revisions.length - 1 && !state.hidden.has(at);
      state.hidden = new Set(alone ? [] : page.revisions.keys());
      if (!alone) state.hidden.delete(at);
      drawAll();
    });
    return chip;
  });
  document.getElementById('revisions').append(...chips);
  page.plots.forEach(build);

  const lines = page.plots.some((card) => card.kind === 'lines');
  const smooth = document.getElementById('smooth');
  const log = document.getElementById('log');
  const find = document.getElementById('find');
  smooth.hidden = !lines;
  log.hidden = !lines;
  find.hidden = page.plots.length < 5;
  smooth.querySelector('input').addEventListener('input', (event) => {
    state.smooth = Number(event.target.value);
    smooth.querySelector('output').textContent = event.target.value;
    drawAll();
  });
  log.querySelector('input').addEventListener('change', (event) => {
    state.log = event.target.checked;
    drawAll();
  });
  find.querySelector('input').addEventListener('input', (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const card of page.plots) card.section.hidden = !card.title.toLowerCase().includes(wanted);
  });
  document.getElementById('theme').addEventListener('click', () => {
    state.theme = theme() === 'dark' ? 'light' : 'dark';
    drawAll();
  });
  dark.addEventListener('change', drawAll);

  drawAll().then(
    () => { document.title = page.title; },
    (error) => { document.title = `cannot draw: ${error.message}`; },
  );
})();
