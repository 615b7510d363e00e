// Where the nodes of a workflow are drawn: in layers, parents above their children, with few crossings.

export const WIDE = 132, HIGH = 34, GAP_X = 22, GAP_Y = 46;
const SWEEPS = 6;
const ROW_MIN = 4, ROW_MAX = 40;

// nodes: [id], edges: [[from, to]] -> { at: Map(id -> {x, y}), width, height }. What is on a circle comes last.
// `ratio`: how much wider than high the frame is. A layer of many is broken into rows, or nobody could read the whole.
export function layered(nodes, edges, ratio = 1.6) {
  const parents = new Map(nodes.map((id) => [id, []]));
  const children = new Map(nodes.map((id) => [id, []]));
  for (const [from, to] of edges) {
    if (!children.has(from) || !parents.has(to)) continue;
    children.get(from).push(to);
    parents.get(to).push(from);
  }
  const layers = layersOf(nodes, parents, children);
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const down = sweep % 2 === 0;
    for (let index = 1; index < layers.length; index += 1) {
      const number = down ? index : layers.length - 1 - index;
      arrange(layers, number, number + (down ? -1 : 1), down ? parents : children);
    }
  }
  return placed(layers, longest(layers, ratio));
}

function layersOf(nodes, parents, children) {
  const depth = new Map();
  const missing = new Map(nodes.map((id) => [id, parents.get(id).length]));
  let ready = nodes.filter((id) => !missing.get(id));
  const layers = [];
  while (ready.length) {
    layers.push(ready);
    const next = [];
    for (const id of ready) {
      depth.set(id, layers.length - 1);
      for (const child of children.get(id)) {
        missing.set(child, missing.get(child) - 1);
        if (!missing.get(child)) next.push(child);
      }
    }
    ready = next;
  }
  const rest = nodes.filter((id) => !depth.has(id));
  if (rest.length) layers.push(rest);
  return layers;
}

// Order one layer by where its neighbours in another are on average.
function arrange(layers, number, other, neighbours) {
  const place = new Map(layers[other].map((id, index) => [id, index]));
  const weight = new Map(layers[number].map((id, index) => {
    const places = neighbours.get(id).map((one) => place.get(one)).filter((one) => one !== undefined);
    const mean = places.reduce((a, b) => a + b, 0) / places.length;
    const own = (index / layers[number].length) * layers[other].length;
    return [id, places.length ? mean : own];
  }));
  layers[number].sort((a, b) => weight.get(a) - weight.get(b));
}

// The length of row with which the drawing is largest in its frame.
function longest(layers, ratio) {
  let best = ROW_MAX, least = Infinity;
  for (let most = ROW_MIN; most <= ROW_MAX; most += 1) {
    const rows = layers.reduce((sum, layer) => sum + Math.ceil(layer.length / most), 0);
    const wide = Math.min(most, Math.max(0, ...layers.map((layer) => layer.length)));
    const size = Math.max((wide * (WIDE + GAP_X)) / ratio, rows * (HIGH + GAP_Y));
    if (size < least) [best, least] = [most, size];
  }
  return best;
}

function placed(layers, longestRow) {
  const rows = layers.flatMap((layer) => {
    const parts = Math.ceil(layer.length / longestRow), size = Math.ceil(layer.length / parts);
    return Array.from({ length: parts }, (_, part) => layer.slice(part * size, (part + 1) * size));
  });
  const widest = Math.max(1, ...rows.map((row) => row.length));
  const width = widest * (WIDE + GAP_X) - GAP_X;
  const at = new Map();
  rows.forEach((row, number) => {
    const left = (width - (row.length * (WIDE + GAP_X) - GAP_X)) / 2;
    row.forEach((id, index) => at.set(id, { x: left + index * (WIDE + GAP_X), y: number * (HIGH + GAP_Y) }));
  });
  return { at, width, height: Math.max(1, rows.length) * (HIGH + GAP_Y) - GAP_Y };
}
