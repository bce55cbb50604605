// ../../work/main/src/engine/shape.ts
function sizeOf(shape) {
  return shape.reduce((product2, size) => product2 * size, 1);
}
function stridesOf(shape) {
  const strides = new Array(shape.length);
  let stride = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    strides[dim] = stride;
    stride *= shape[dim];
  }
  return strides;
}
function sameShape(a2, b) {
  return a2.length === b.length && a2.every((size, dim) => size === b[dim]);
}
function formatShape(shape) {
  return `[${shape.join(",")}]`;
}
var ShapeError = class extends Error {
  name = "ShapeError";
};
function broadcastShapes(operation, ...shapes) {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, dim) => {
    let result = 1;
    for (const shape of shapes) {
      const size = shape[dim - rank + shape.length] ?? 1;
      if (size === 1 || size === result) continue;
      if (result !== 1) {
        throw new ShapeError(
          `${operation}: shapes ${shapes.map(formatShape).join(" and ")} cannot be broadcast together: dim ${dim - rank} has sizes ${result} and ${size}, expected equal sizes or a 1.`
        );
      }
      result = size;
    }
    return result;
  });
}
function normalizeDim(operation, dim, shape, extra = 0) {
  const rank = shape.length + extra;
  if (!Number.isInteger(dim) || dim < -rank || dim >= rank) {
    throw new ShapeError(
      `${operation}: dim ${dim} does not exist in shape ${formatShape(shape)}; expected ${-rank} to ${rank - 1}.`
    );
  }
  return dim < 0 ? dim + rank : dim;
}
function normalizeDims(operation, dims, shape) {
  if (dims === void 0) return shape.map((_, dim) => dim);
  const list = (typeof dims === "number" ? [dims] : dims).map((dim) => normalizeDim(operation, dim, shape));
  if (new Set(list).size !== list.length) {
    throw new ShapeError(`${operation}: dims [${dims}] name a dim of shape ${formatShape(shape)} twice.`);
  }
  return list.sort((a2, b) => a2 - b);
}
function checkShape(operation, shape) {
  if (!shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new ShapeError(`${operation}: shape ${formatShape(shape)} has a size that is not a whole number >= 0.`);
  }
}

// ../../work/main/src/engine/tape.ts
var nextId = 0;
var signatures = /* @__PURE__ */ new Map();
function intern(text) {
  const known = signatures.get(text);
  if (known !== void 0) return known;
  signatures.set(text, signatures.size);
  return signatures.size - 1;
}
function recordNode(operation, inputs, shape, dtype) {
  for (const input of inputs) {
    if (input.value?.kind === "gone") throw new Error(`${operation.name}: ${input.value.reason}`);
  }
  return {
    id: nextId++,
    operation,
    inputs,
    shape,
    dtype,
    inputShapes: inputs.map((input) => input.shape),
    inputDTypes: inputs.map((input) => input.dtype),
    signature: intern(`${operation.key}:${dtype}${formatShape(shape)}`)
  };
}
var leafOperation = {
  name: "tensor",
  key: "tensor",
  gradients: [],
  reference: () => {
    throw new Error("A leaf has no formula: it holds its value.");
  },
  lowering: { kind: "leaf" }
};
function leafNode(shape, dtype, value) {
  const node = recordNode(leafOperation, [], shape, dtype);
  node.value = value;
  return node;
}
function isLeaf(node) {
  return node.operation === leafOperation;
}

// ../../work/main/src/engine/assign.ts
var waiting = /* @__PURE__ */ new Map();
var history = /* @__PURE__ */ new WeakMap();
function assign(target, value) {
  const old = target.node;
  if (!isLeaf(old)) {
    throw new Error(`assign: the target was computed by ${old.operation.name}; only leaves (tensor, parameter) hold state.`);
  }
  if (!sameShape(target.shape, value.shape) || target.dtype !== value.dtype) {
    throw new ShapeError(
      `assign: ${value.dtype}${formatShape(value.shape)} cannot replace ${target.dtype}${formatShape(target.shape)}.`
    );
  }
  if (old.value?.kind === "gone") throw new Error(`assign: ${old.value.reason}`);
  const node = leafNode(target.shape, target.dtype);
  node.source = value.node;
  const owner = old.owner ?? new WeakRef(target);
  old.owner = owner;
  node.owner = owner;
  if (!history.has(target)) history.set(target, { current: old });
  target.node = node;
  waiting.set(target, node);
}
function waitingUpdates() {
  return [...waiting].map(([target, node]) => ({ target, node, spare: history.get(target)?.previous }));
}
function updatesDone(updates) {
  for (const { target, node } of updates) {
    node.source = void 0;
    if (waiting.get(target) === node) waiting.delete(target);
    history.set(target, { current: node, previous: history.get(target)?.current });
  }
}

// ../../work/main/src/engine/dtype.ts
function referenceArray(dtype, size) {
  if (dtype === "f32") return new Float64Array(size);
  if (dtype === "i32") return new Int32Array(size);
  if (dtype === "u32") return new Uint32Array(size);
  return new Uint8Array(size);
}
function toDeviceWords(dtype, data) {
  if (dtype === "f32") return data instanceof Float32Array ? data : Float32Array.from(data);
  if (dtype === "i32") return data instanceof Int32Array ? data : Int32Array.from(data);
  return data instanceof Uint32Array ? data : Uint32Array.from(data);
}
function fromDeviceBytes(dtype, bytes) {
  if (dtype === "f32") return new Float32Array(bytes);
  if (dtype === "i32") return new Int32Array(bytes);
  if (dtype === "u32") return new Uint32Array(bytes);
  return Uint8Array.from(new Uint32Array(bytes));
}

// ../../work/main/src/engine/run/special.ts
function errorFunction(x) {
  const a2 = Math.abs(x);
  if (!(a2 < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  return Math.sign(x) * (a2 < 2.5 ? series(a2) : 1 - complement(a2));
}
function series(a2) {
  let term = a2;
  let sum2 = a2;
  for (let n = 1; term > sum2 * 1e-17; n++) {
    term *= 2 * a2 * a2 / (2 * n + 1);
    sum2 += term;
  }
  return 2 / Math.sqrt(Math.PI) * Math.exp(-a2 * a2) * sum2;
}
function complement(a2) {
  let tail = a2;
  for (let n = 80; n >= 1; n--) tail = a2 + n / 2 / tail;
  return Math.exp(-a2 * a2) / Math.sqrt(Math.PI) / tail;
}

// ../../work/main/src/engine/adapter-info.ts
function isSoftwareAdapter(info) {
  const names = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic.render|\bsoftware\b|\bcpu\b/i.test(names);
}
function adapterName(info) {
  return info.device.replace(/-+$/, "") || `${info.vendor} ${info.architecture}`.trim() || "unnamed adapter";
}

// ../../work/main/src/engine/plan/explain.ts
function explainPlan(plan, { wgsl = false } = {}) {
  const rows = plan.steps.map((step, at) => {
    const bytes = 4 * (step.outputSize + step.inputSizes.reduce((total, size) => total + size, 0));
    const inputs = step.inputs.map(placeName).join(" ");
    return `${String(at).padStart(4)}  ${step.label}  (${inputs} -> ${placeName(step.output)}; ${amount(bytes)}B, ${amount(step.kernel.flops)}flop)`;
  });
  const memory2 = plan.slots.reduce((total, bytes) => total + bytes, 0);
  const pipelines = new Map(plan.steps.map(({ kernel }) => [kernel.source, kernel]));
  const head = `plan: ${plan.steps.length} kernel launches, ${pipelines.size} pipelines, ${plan.slots.length} intermediate buffers of ${amount(memory2)}B`;
  const sources = wgsl ? [...pipelines.values()].map(({ name, source }) => `
// ---- ${name}
${source.trim()}`) : [];
  return [head, ...rows, ...sources].join("\n");
}
function placeName(place) {
  if (place.kind === "slot") return `b${place.slot}`;
  return place.kind === "leaf" ? `in${place.leaf}` : `out${place.target}`;
}
function amount(value) {
  const units = ["", "k", "M", "G", "T"];
  let at = 0;
  let scaled = value;
  while (scaled >= 1e3 && at < units.length - 1) {
    scaled /= 1e3;
    at++;
  }
  return `${at === 0 ? scaled : scaled.toPrecision(3)} ${units[at]}`;
}

// ../../work/main/src/kernels/kernel.ts
var maxWorkgroups = 65535;
var workgroupSize = 64;
function grid(count) {
  const groups = Math.ceil(count / workgroupSize);
  if (groups <= maxWorkgroups) return [groups, 1, 1];
  const rows = Math.ceil(groups / maxWorkgroups);
  if (rows > maxWorkgroups || count >= 2 ** 32) {
    throw new RangeError(
      `A kernel of ${count} invocations was asked for; the index is 32 bits wide. Split the tensor into smaller ones.`
    );
  }
  return [maxWorkgroups, rows, 1];
}
var linearMain = (
  /* wgsl */
  `
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${workgroupSize}u;`
);

// ../../work/main/src/kernels/math.ts
var library = {
  // A constant NaN or infinity is refused by WGSL, a variable's bits are not.
  nanValue: (
    /* wgsl */
    `
fn nanValue() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }`
  ),
  infinity: (
    /* wgsl */
    `
fn infinity() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }`
  ),
  // Adapters differ on x != x; the bits do not lie.
  isNan: (
    /* wgsl */
    `
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`
  ),
  // WGSL's max and min drop a NaN operand.
  maximum: (
    /* wgsl */
    `
fn maximum(a: f32, b: f32) -> f32 { return select(select(b, a, a > b), a, isNan(a)); }`
  ),
  minimum: (
    /* wgsl */
    `
fn minimum(a: f32, b: f32) -> f32 { return select(select(b, a, a < b), a, isNan(a)); }`
  ),
  squareRoot: (
    /* wgsl */
    `
fn squareRoot(x: f32) -> f32 { return select(sqrt(abs(x)), nanValue(), x < 0.0); }`
  ),
  // 2 atanh(s) = log((1 + s) / (1 - s)), for |s| < 0.18.
  twiceAtanh: (
    /* wgsl */
    `
fn twiceAtanh(s: f32) -> f32 {
  let z = s * s;
  return 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0)))));
}`
  ),
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)): log x = e log 2 + log m. Subnormal numbers count as zero.
  logarithm: (
    /* wgsl */
    `
fn logarithm(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (isNan(x) || bits == 0x7f800000u) { return x; }
  if ((bits & 0x7f800000u) == 0u) { return -infinity(); }
  if (x < 0.0) { return nanValue(); }
  var e = f32(bits >> 23u) - 127.0;
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  if (m > 1.4142135) { m *= 0.5; e += 1.0; }
  return e * 0.693359375 + (twiceAtanh((m - 1.0) / (m + 1.0)) - e * 2.12194440e-4);
}`
  ),
  // Without forming 1 + x where that would lose x.
  logarithm1p: (
    /* wgsl */
    `
fn logarithm1p(x: f32) -> f32 {
  if (abs(x) < 0.29) { return twiceAtanh(x / (2.0 + x)); }
  return logarithm(1.0 + x);
}`
  ),
  // The series of exp without its first term where subtracting 1 would cancel.
  exponential1m: (
    /* wgsl */
    `
fn exponential1m(x: f32) -> f32 {
  if (abs(x) < 0.5) {
    return x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0
      + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x * (1.0 / 40320.0))))))));
  }
  return exp(x) - 1.0;
}`
  ),
  // tanh |x| = t / (t + 2) with t = exp(2|x|) - 1; exactly 1 in f32 beyond 10.
  hyperbolicTangent: (
    /* wgsl */
    `
fn hyperbolicTangent(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let t = exponential1m(2.0 * min(abs(x), 10.0));
  return select(t / (t + 2.0), -t / (t + 2.0), x < 0.0);
}`
  ),
  // x - k pi/2 in three steps that are exact for |k| < 2^13; then series on [-pi/4, pi/4]. Accurate for |x| < 8000.
  sineOf: (
    /* wgsl */
    `
fn sineOf(x: f32, quarterTurns: i32) -> f32 {
  let k = round(x * 0.63661977);
  let r = ((x - k * 1.5703125) - k * 4.837512969970703e-4) - k * 7.549789948768648e-8;
  let z = r * r;
  let sine = r + r * z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * (-1.0 / 5040.0 + z * (1.0 / 362880.0))));
  let cosine = 1.0 + z * (-0.5 + z * (1.0 / 24.0 + z * (-1.0 / 720.0 + z * (1.0 / 40320.0))));
  let quadrant = (i32(k) + quarterTurns) & 3;
  let value = select(sine, cosine, (quadrant & 1) == 1);
  return select(value, -value, quadrant >= 2);
}`
  ),
  // Near zero the Taylor series; beyond, erfc(a) = exp(-a^2) times a rational fit with relative error 1.2e-7.
  errorFunction: (
    /* wgsl */
    `
fn errorFunction(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = min(abs(x), 10.0);
  let z = a * a;
  if (a < 0.75) {
    return x * 1.1283792 * (1.0 - z * (1.0 / 3.0 - z * (1.0 / 10.0 - z * (1.0 / 42.0 - z * (1.0 / 216.0
      - z * (1.0 / 1320.0 - z * (1.0 / 9360.0)))))));
  }
  let t = 1.0 / (1.0 + 0.5 * a);
  let fit = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806
    + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  let value = 1.0 - t * exp(fit - z);
  return select(value, -value, x < 0.0);
}`
  ),
  // C's pow: sign by parity of a whole exponent, NaN for a negative base with any other; pow(x, 0) = pow(1, y) = 1.
  power: (
    /* wgsl */
    `
fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (isNan(x) || isNan(y)) { return nanValue(); }
  let a = abs(x);
  var value: f32;
  if (a == 0.0) { value = select(infinity(), 0.0, y > 0.0); }
  else if (a > 0x1.fffffep+127) { value = select(0.0, infinity(), y > 0.0); }
  else if (a == 1.0) { value = 1.0; }
  else { value = exp(y * logarithm(a)); }
  if ((bitcast<u32>(x) >> 31u) == 0u) { return value; }
  if (floor(y) != y) { return select(nanValue(), value, a == 0.0 || a > 0x1.fffffep+127); }
  let odd = abs(y) < 16777216.0 && (i32(y) & 1) == 1;
  return select(value, -value, odd);
}`
  ),
  // Philox 4x32-10 (Salmon et al. 2011): block number -> four random words, keyed by the seed.
  philox: (
    /* wgsl */
    `
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let mid = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (mid & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (mid >> 16u) + (other >> 16u);
}
fn philox(counterIn: vec4u, keyIn: vec2u) -> vec4u {
  var counter = counterIn;
  var key = keyIn;
  for (var round = 0u; round < 10u; round++) {
    counter = vec4u(
      multiplyHigh(0xcd9e8d57u, counter.z) ^ counter.y ^ key.x,
      0xcd9e8d57u * counter.z,
      multiplyHigh(0xd2511f53u, counter.x) ^ counter.w ^ key.y,
      0xd2511f53u * counter.x);
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return counter;
}`
  )
};
function mathFunctions(body) {
  const found = /* @__PURE__ */ new Set();
  const visit = (text) => {
    for (const [name, source] of Object.entries(library)) {
      if (found.has(name) || source === text || !new RegExp(`\\b${name}\\(`).test(text)) continue;
      visit(source);
      found.add(name);
    }
  };
  visit(body);
  return [...found].map((name) => library[name]).join("");
}

// ../../work/main/src/engine/plan/index-expression.ts
var Index = class _Index {
  shape;
  key;
  #writer;
  #forms;
  #position;
  #coordinates;
  constructor(writer, shape, forms) {
    this.#writer = writer;
    this.#forms = forms;
    this.shape = shape;
    this.key = forms.key;
  }
  /** The element's number in memory: sum of coordinate * stride. */
  get position() {
    this.#position ??= this.#forms.position?.() ?? this.#linearize(this.coordinates);
    return this.#position;
  }
  /** One WGSL expression per dim; '0u' for dims of size 1. */
  get coordinates() {
    this.#coordinates ??= this.#forms.coordinates?.() ?? this.#split(this.position);
    return this.#coordinates;
  }
  /** The same element for another shape of the same memory. */
  reshaped(shape) {
    return new _Index(this.#writer, shape, { position: () => this.position, key: this.position });
  }
  #linearize(coordinates) {
    const strides = stridesOf(this.shape);
    const terms = coordinates.flatMap((coordinate, dim) => {
      if (coordinate === "0u") return [];
      return strides[dim] === 1 ? [coordinate] : [`${coordinate} * ${this.#writer.size(strides[dim])}`];
    });
    if (terms.length === 0) return "0u";
    return this.#writer.define(terms.join(" + "));
  }
  #split(position) {
    const writer = this.#writer;
    const wide = this.shape.flatMap((length, dim) => length === 1 ? [] : [dim]);
    const coordinates = this.shape.map(() => "0u");
    let rest = position;
    for (const dim of [...wide].reverse()) {
      if (dim === wide[0]) {
        coordinates[dim] = rest;
      } else {
        const quotient = writer.define(`${rest} / ${writer.size(this.shape[dim])}`);
        coordinates[dim] = writer.define(`${rest} - ${quotient} * ${writer.size(this.shape[dim])}`);
        rest = quotient;
      }
    }
    return coordinates;
  }
};

// ../../work/main/src/engine/plan/emitter.ts
var storedType = { f32: "f32", i32: "i32", u32: "u32", bool: "u32" };
var literalNumbers = /* @__PURE__ */ new Set([0, 1, -1, 2, -2, 0.5, -0.5]);
var Emitter = class {
  #entries;
  #isStored;
  /** Entries that the kernel reads from buffers, in binding order. */
  reads = [];
  uniforms = [];
  #uniformNames = /* @__PURE__ */ new Map();
  #lines = [];
  #names = /* @__PURE__ */ new Map();
  #values = /* @__PURE__ */ new Map();
  #nameCount = 0;
  constructor(entries, isStored) {
    this.#entries = entries;
    this.#isStored = isStored;
  }
  /** The element of `entry` at `index`: a load where the entry is stored, else its expression. */
  value(entry, index) {
    if (this.#isStored(entry)) return this.#load(entry, index.position);
    const key = `${entry}@${index.key}`;
    const known = this.#values.get(key);
    if (known !== void 0) return known;
    const { operation, inputs, ...rest } = this.#entries[entry];
    if (operation.lowering.kind !== "inline") {
      throw new Error(`${operation.name} was to be fused, but it is not an expression.`);
    }
    const view = {
      input: (input, at) => this.value(inputs[input], at),
      define: (expression) => this.define(expression),
      size: (value) => this.size(value),
      constant: (value, dtype) => this.constant(value, dtype),
      at: (shape, coordinates) => this.at(shape, coordinates),
      linear: (shape, position) => this.linear(shape, position)
    };
    const name = this.define(operation.lowering.emit(view, index, { operation, ...rest }));
    this.#values.set(key, name);
    return name;
  }
  define(expression) {
    if (/^\w+$|^p\[\d+\]\.\w$/.test(expression)) return expression;
    let name = this.#names.get(expression);
    if (name === void 0) {
      name = `v${this.#nameCount++}`;
      this.#names.set(expression, name);
      this.#lines.push(`let ${name} = ${expression};`);
    }
    return name;
  }
  size(value) {
    return value === 1 ? "1u" : this.#uniform(value >>> 0);
  }
  /** A count that a loop or a guard compares with: always by uniform, even if small. */
  bound(value) {
    return this.#uniform(value >>> 0);
  }
  constant(value, dtype) {
    if (dtype === "bool") return value ? "true" : "false";
    if (dtype === "u32") return `${value >>> 0}u`;
    if (dtype === "i32") return value === -(2 ** 31) ? "i32(-2147483647 - 1)" : `${value | 0}i`;
    if (literalNumbers.has(value) && !Object.is(value, -0)) return value < 0 ? `(${value}f)` : `${value}f`;
    return `bitcast<f32>(${this.#uniform(wordOf(value))})`;
  }
  at(shape, coordinates) {
    return new Index(this, shape, { coordinates: () => coordinates, key: coordinates.join() });
  }
  linear(shape, position) {
    return new Index(this, shape, { position: () => position, key: position });
  }
  /** An index into `shape` whose dims were merged into runs: `whole` knows the position, each counter its own dims. */
  composite(shape, whole, runs, counters) {
    return new Index(this, shape, {
      position: () => whole.position,
      coordinates: () => {
        const coordinates = shape.map(() => "0u");
        runs.forEach(({ dims }, i) => {
          const own2 = this.linear(
            dims.map((dim) => shape[dim]),
            counters[i]
          ).coordinates;
          dims.forEach((dim, k) => {
            coordinates[dim] = own2[k];
          });
        });
        return coordinates;
      },
      key: counters.join()
    });
  }
  /** Runs `body` and returns the lines that it wrote; its names are not visible outside (a loop's body). */
  block(body) {
    const outer = { lines: this.#lines, names: this.#names, values: this.#values };
    this.#lines = [];
    this.#names = new Map(outer.names);
    this.#values = new Map(outer.values);
    body();
    const lines = this.#lines;
    this.#lines = outer.lines;
    this.#names = outer.names;
    this.#values = outer.values;
    return lines;
  }
  write(line) {
    this.#lines.push(line);
  }
  get lines() {
    return this.#lines;
  }
  /** Declarations of the buffers read, of the output, and of the uniforms; then the mathematics that `body` calls. */
  header(output, body) {
    const inputs = this.reads.map(
      (entry, binding) => `@group(0) @binding(${binding}) var<storage, read> in${binding}: array<${storedType[this.#entries[entry].dtype]}>;`
    );
    const count = this.reads.length;
    return [
      ...inputs,
      `@group(0) @binding(${count}) var<storage, read_write> output: array<${storedType[output]}>;`,
      `@group(0) @binding(${count + 1}) var<uniform> p: array<vec4u, ${Math.ceil(this.uniforms.length / 4)}>;`,
      mathFunctions(body)
    ].join("\n");
  }
  #uniform(word) {
    const key = String(word);
    let name = this.#uniformNames.get(key);
    if (name === void 0) {
      const at = this.uniforms.push(word) - 1;
      name = `p[${at >> 2}].${"xyzw"[at & 3]}`;
      this.#uniformNames.set(key, name);
    }
    return name;
  }
  #load(entry, position) {
    let binding = this.reads.indexOf(entry);
    if (binding < 0) binding = this.reads.push(entry) - 1;
    const element = `in${binding}[${position}]`;
    return this.define(this.#entries[entry].dtype === "bool" ? `${element} != 0u` : element);
  }
};
function wordOf(value) {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}

// ../../work/main/src/engine/plan/fused-kernels.ts
function elementwiseKernel(graph, at, isStored) {
  const entry = graph.entries[at];
  const count = sizeOf(entry.shape);
  const emitter = new Emitter(graph.entries, (input) => input !== at && isStored(input));
  const bound = emitter.bound(count);
  const value = emitter.value(at, emitter.linear(entry.shape, "i"));
  emitter.write(`output[i] = ${storedForm(value, entry.dtype)};`);
  return {
    reads: emitter.reads,
    kernel: {
      name: namesOf(graph, at, isStored),
      source: program(emitter, entry.dtype, [`if (i >= ${bound}) { return; }`, ...emitter.lines]),
      uniforms: emitter.uniforms,
      workgroups: grid(count),
      flops: count * costOf(graph, at, isStored)
    }
  };
}
function reductionParts(entry, adapter) {
  const { enoughThreads, leastEach } = adapter === "software" ? { enoughThreads: 64, leastEach: 1024 } : { enoughThreads: 8192, leastEach: 32 };
  const results = Math.max(1, sizeOf(entry.shape));
  const each = sizeOf(entry.inputShapes[0]) / results;
  return Math.max(1, Math.min(Math.floor(each / leastEach), Math.ceil(enoughThreads / results), 256));
}
function reductionKernel(graph, at, isStored, parts) {
  const entry = graph.entries[at];
  const { lowering } = entry.operation;
  if (lowering.kind !== "reduction") throw new Error(`${entry.operation.name} is not a reduction.`);
  const [shape] = entry.inputShapes;
  const results = sizeOf(entry.shape);
  const emitter = new Emitter(graph.entries, isStored);
  const bound = emitter.bound(results * parts);
  const result = parts === 1 ? "i" : emitter.define(`i / ${emitter.size(parts)}`);
  const part = parts === 1 ? "0u" : emitter.define(`i % ${emitter.size(parts)}`);
  const runs = mergeRuns(shape, lowering.dims);
  const reduced = runs.filter((run2) => run2.reduced);
  const longest = reduced.reduce((best, run2) => run2.size > best.size ? run2 : best, reduced[0]);
  const kept = emitter.linear(
    runs.filter((run2) => !run2.reduced).map((run2) => run2.size),
    result
  ).coordinates;
  let nextKept = 0;
  let loop = 0;
  const counters = runs.map((run2) => run2.reduced ? `r${loop++}` : kept[nextKept++]);
  emitter.write(`var total = ${storedConstant(emitter, lowering, entry.dtype)};`);
  const loops = runs.flatMap((run2, i) => {
    if (!run2.reduced) return [];
    const [first, step] = run2 === longest && parts > 1 ? [part, emitter.size(parts)] : ["0u", "1u"];
    const name = counters[i];
    return [`for (var ${name} = ${first}; ${name} < ${emitter.bound(run2.size)}; ${name} += ${step}) {`];
  });
  const body = emitter.block(() => {
    const index = indexOf(emitter, shape, runs, counters);
    const value = emitter.value(entry.inputs[0], index);
    emitter.write(`total = ${lowering.combine("total", value, entry.dtype)};`);
  });
  const lines = [
    `if (i >= ${bound}) { return; }`,
    ...emitter.lines,
    ...loops,
    ...body,
    ...loops.map(() => "}"),
    "output[i] = total;"
  ];
  return {
    reads: emitter.reads,
    kernel: {
      name: `${entry.operation.name}(${namesOf(graph, entry.inputs[0], isStored)})`,
      source: program(emitter, entry.dtype, lines),
      uniforms: emitter.uniforms,
      workgroups: grid(results * parts),
      flops: sizeOf(shape) * (1 + costOf(graph, entry.inputs[0], isStored))
    }
  };
}
function foldPartsKernel(entry, parts) {
  const { lowering } = entry.operation;
  if (lowering.kind !== "reduction") throw new Error(`${entry.operation.name} is not a reduction.`);
  const results = sizeOf(entry.shape);
  const stand = { ...entry, shape: [results, parts], leaf: 0, inputs: [] };
  const emitter = new Emitter([stand], () => true);
  const bound = emitter.bound(results);
  const width = emitter.size(parts);
  emitter.write(`var total = ${storedConstant(emitter, lowering, entry.dtype)};`);
  const body = emitter.block(() => {
    const value = emitter.value(0, emitter.linear([results, parts], emitter.define(`i * ${width} + r`)));
    emitter.write(`total = ${lowering.combine("total", value, entry.dtype)};`);
  });
  const lines = [
    `if (i >= ${bound}) { return; }`,
    ...emitter.lines,
    `for (var r = 0u; r < ${width}; r += 1u) {`,
    ...body,
    "}",
    "output[i] = total;"
  ];
  return {
    name: `${entry.operation.name} of parts`,
    source: program(emitter, entry.dtype, lines),
    uniforms: emitter.uniforms,
    workgroups: grid(results),
    flops: results * parts
  };
}
function mergeRuns(shape, dims) {
  const runs = [];
  shape.forEach((size, dim) => {
    if (size === 1) return;
    const reduced = dims.includes(dim);
    const last = runs.at(-1);
    if (last?.reduced === reduced) {
      last.size *= size;
      last.dims.push(dim);
    } else {
      runs.push({ size, reduced, dims: [dim] });
    }
  });
  return runs;
}
function indexOf(emitter, shape, runs, counters) {
  if (runs.length <= 1) return emitter.linear(shape, counters[0] ?? "0u");
  const sizes = runs.map((run2) => run2.size);
  const whole = emitter.at(sizes, counters);
  if (runs.every((run2) => run2.dims.length === 1)) {
    const coordinates = shape.map(() => "0u");
    runs.forEach((run2, i) => {
      coordinates[run2.dims[0]] = counters[i];
    });
    return emitter.at(shape, coordinates);
  }
  return emitter.composite(shape, whole, runs, counters);
}
function storedConstant(emitter, lowering, dtype) {
  return emitter.constant(lowering.initial(dtype), dtype);
}
function storedForm(value, dtype) {
  return dtype === "bool" ? `select(0u, 1u, ${value})` : value;
}
function program(emitter, output, lines) {
  const body = lines.map((line) => `  ${line}`).join("\n");
  return `${emitter.header(output, body)}
${linearMain}
${body}
}
`;
}
function namesOf(graph, at, isStored) {
  const names = [];
  const visit = (entry) => {
    for (const input of graph.entries[entry].inputs) if (!isStored(input)) visit(input);
    const { name } = graph.entries[entry].operation;
    if (names.length < 12 && names.at(-1) !== name) names.push(name);
  };
  if (isStored(at) && graph.entries[at].leaf !== void 0) return "load";
  visit(at);
  return names.join("-");
}
function costOf(graph, at, isStored) {
  const seen = /* @__PURE__ */ new Set();
  const visit = (entry) => {
    if (seen.has(entry)) return 0;
    seen.add(entry);
    const { operation, inputs } = graph.entries[entry];
    const own2 = operation.lowering.kind === "inline" ? operation.lowering.cost : 0;
    return inputs.reduce((total, input) => total + (isStored(input) ? 0 : visit(input)), own2);
  };
  return visit(at);
}

// ../../work/main/src/engine/plan/fuse.ts
var maxNodes = 64;
var cheapCost = 2;
var cheapReads = 2;
var expandCost = 3;
function fuse(graph, limits) {
  const { entries } = graph;
  const consumers = countConsumers(graph);
  const wanted = new Set(graph.targets);
  const stored = entries.map(() => false);
  const base = entries.map((_, at) => at);
  const fused = entries.map(() => void 0);
  const store = (at) => {
    stored[at] = true;
  };
  const partOf = (input) => stored[input] ? { cost: 0, nodes: 0, reads: /* @__PURE__ */ new Set([base[input]]) } : fused[input] ?? nothing;
  const gather2 = (entry, ownCost) => {
    for (; ; ) {
      const parts = entry.inputs.map(partOf);
      const reads = new Set(parts.flatMap((part) => [...part.reads]));
      const nodes = parts.reduce((total, part) => total + part.nodes, 1);
      const cost = parts.reduce((total, part) => total + part.cost, ownCost);
      if (reads.size <= limits.reads && nodes <= maxNodes) return { cost, nodes, reads };
      const open = entry.inputs.filter((input) => !stored[input]);
      if (open.length === 0) return { cost, nodes, reads };
      const weight = (input) => partOf(input).reads.size * maxNodes + partOf(input).nodes;
      store(open.reduce((best, input) => weight(input) > weight(best) ? input : best));
    }
  };
  entries.forEach((entry, at) => {
    const { lowering } = entry.operation;
    if (entry.leaf !== void 0) {
      store(at);
    } else if (lowering.kind === "kernel") {
      for (const input of entry.inputs) store(input);
      store(at);
    } else if (lowering.kind === "reduction") {
      gather2(entry, 1);
      store(at);
    } else if (lowering.kind === "inline") {
      const [source] = entry.inputs;
      if (lowering.alias && stored[source]) {
        base[at] = base[source];
        store(at);
        return;
      }
      const grows = entry.inputs.length === 1 && sizeOf(entry.shape) >= 4 * sizeOf(entry.inputShapes[0]);
      if (grows && partOf(source).cost >= expandCost) store(source);
      const part = gather2(entry, lowering.cost);
      fused[at] = part;
      const cheap = part.cost <= cheapCost && part.reads.size <= cheapReads && part.nodes <= 8;
      if (wanted.has(at) || consumers[at] > 1 && !cheap) store(at);
    }
  });
  return { stored, base };
}
var nothing = { cost: 0, nodes: 0, reads: /* @__PURE__ */ new Set() };
function countConsumers(graph) {
  const consumers = graph.entries.map(() => 0);
  for (const entry of graph.entries) for (const input of new Set(entry.inputs)) consumers[input]++;
  return consumers;
}

// ../../work/main/src/engine/plan/graph.ts
function resolve(node) {
  let at = node;
  while (at.source !== void 0 && at.value === void 0) at = at.source;
  return at;
}
function buildGraph(targets, isInput = () => false) {
  const entries = [];
  const leaves = [];
  const keys = [];
  const byNode = /* @__PURE__ */ new Map();
  const byKey = /* @__PURE__ */ new Map();
  const add2 = (node, inputs) => {
    const leaf = hasValue(node) || isInput(node);
    const key = leaf ? `${node.signature}|leaf${leaves.length}` : `${node.signature}|${inputs.join()}`;
    let at = byKey.get(key);
    if (at === void 0) {
      const { operation, shape, dtype, inputShapes, inputDTypes } = node;
      at = entries.length;
      entries.push({ operation, shape, dtype, inputShapes, inputDTypes, inputs, leaf: leaf ? leaves.length : void 0 });
      keys.push(key);
      byKey.set(key, at);
      if (leaf) leaves.push(node);
    }
    byNode.set(node, at);
  };
  const stack = targets.map(resolve).reverse();
  while (stack.length > 0) {
    const node = stack[stack.length - 1];
    if (byNode.has(node)) {
      stack.pop();
      continue;
    }
    if (hasValue(node) || isInput(node)) {
      add2(node, []);
      stack.pop();
      continue;
    }
    if (isLeaf(node)) throw new Error(missingValue(node));
    const inputs = node.inputs.map(resolve);
    const waiting2 = inputs.filter((input) => !byNode.has(input));
    if (waiting2.length > 0) {
      stack.push(...waiting2.reverse());
    } else {
      add2(node, inputs.map((input) => byNode.get(input) ?? 0));
      stack.pop();
    }
  }
  const positions = targets.map((node) => byNode.get(resolve(node)) ?? 0);
  return { entries, leaves, targets: positions, key: `${keys.join(";")}>${positions.join()}` };
}
function absorbTransposes(graph) {
  const entries = graph.entries.map((entry) => {
    let result = entry;
    entry.inputs.forEach((input, i) => {
      const view = graph.entries[input];
      const [source] = view.inputs;
      const { lowering } = result.operation;
      if (view.leaf !== void 0 || view.operation.lowering.kind !== "inline") return;
      if (!view.operation.lowering.swapsLastTwo || lowering.kind !== "kernel" || !lowering.withTransposed) return;
      result = {
        ...result,
        operation: lowering.withTransposed(i),
        inputs: result.inputs.with(i, source),
        inputShapes: result.inputShapes.with(i, graph.entries[source].shape)
      };
    });
    return result;
  });
  return { ...graph, entries };
}
function hasValue(node) {
  if (node.value?.kind === "gone") throw new Error(node.value.reason);
  return node.value !== void 0;
}
function missingValue(node) {
  return `A tensor of shape [${node.shape}] has no value yet: it is an input of a compiled function, which cannot be read inside it.`;
}

// ../../work/main/src/engine/plan/memory.ts
function roundedSize(bytes) {
  if (bytes <= 256) return 256;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}
function assignSlots(buffers) {
  const sizes = [];
  const free = /* @__PURE__ */ new Map();
  const endings = /* @__PURE__ */ new Map();
  let step = 0;
  for (const buffer of buffers) {
    for (; step < buffer.firstStep; step++) {
      for (const { bytes: bytes2, slot: slot2 } of endings.get(step) ?? []) free.get(bytes2)?.push(slot2);
      endings.delete(step);
    }
    if (buffer.place) continue;
    const bytes = roundedSize(buffer.bytes);
    if (!free.has(bytes)) free.set(bytes, []);
    const slot = free.get(bytes)?.pop() ?? sizes.push(bytes) - 1;
    buffer.place = { kind: "slot", slot };
    if (buffer.lastStep === Infinity) continue;
    const list = endings.get(buffer.lastStep) ?? [];
    list.push({ bytes, slot });
    endings.set(buffer.lastStep, list);
  }
  return sizes;
}

// ../../work/main/src/engine/plan/plan.ts
function makePlan(given, options) {
  const graph = absorbTransposes(given);
  const { entries } = graph;
  const { stored, base } = fuse(graph, { reads: options.maxBuffers - 1 });
  const buffers = entries.map(() => void 0);
  const launches = [];
  const isStored = (at) => stored[at];
  const bufferOf = (at) => {
    const buffer = buffers[base[at]];
    if (!buffer) throw new Error(`The result of ${entries[at].operation.name} was used before it was computed.`);
    return buffer;
  };
  const allBuffers = [];
  const newBuffer = (size) => {
    const buffer = { bytes: Math.max(4, size * 4), firstStep: launches.length, lastStep: launches.length };
    allBuffers.push(buffer);
    return buffer;
  };
  const launch = (label, kernel, inputs, output) => {
    for (const buffer of [...inputs, output]) buffer.lastStep = launches.length;
    launches.push({ label, kernel, inputs, output });
  };
  const launchFused = ({ kernel, reads }, label, output) => launch(label, kernel, reads.map(bufferOf), output);
  entries.forEach((entry, at) => {
    if (!stored[at] || base[at] !== at) return;
    const size = sizeOf(entry.shape);
    const buffer = newBuffer(size);
    buffers[at] = buffer;
    if (entry.leaf !== void 0) {
      buffer.place = { kind: "leaf", leaf: entry.leaf };
      return;
    }
    const target = graph.targets.indexOf(at);
    if (target >= 0 && options.kept[target]) buffer.place = { kind: "target", target };
    if (size === 0) return;
    const { lowering } = entry.operation;
    const label = (kernel) => `${kernel.name} -> ${formatShape(entry.shape)}`;
    if (lowering.kind === "inline") {
      const made = elementwiseKernel(graph, at, isStored);
      launchFused(made, label(made.kernel), buffer);
    } else if (lowering.kind === "reduction") {
      const parts = reductionParts(entry, options.adapter);
      const made = reductionKernel(graph, at, isStored, parts);
      if (parts === 1) {
        launchFused(made, label(made.kernel), buffer);
      } else {
        const partial = newBuffer(size * parts);
        launchFused(made, `${made.kernel.name} -> ${parts} parts of ${formatShape(entry.shape)}`, partial);
        const fold = foldPartsKernel(entry, parts);
        launch(label(fold), fold, [partial], buffer);
      }
    } else if (lowering.kind === "kernel") {
      const made = lowering.kernel(entry, options.adapter);
      const inputs = entry.inputs.map(bufferOf);
      const shapes = entry.inputShapes.map(formatShape).join(" ");
      if ("first" in made) {
        const scratch = newBuffer(made.scratch);
        launch(`${made.first.name} ${shapes} -> parts`, made.first, inputs, scratch);
        launch(label(made.second), made.second, [scratch], buffer);
      } else {
        launch(`${made.name} ${shapes} -> ${formatShape(entry.shape)}`, made, inputs, buffer);
      }
    }
  });
  for (const target of graph.targets) bufferOf(target).lastStep = Infinity;
  const slots = assignSlots(allBuffers);
  const placeOf = (buffer) => buffer.place ?? { kind: "slot", slot: -1 };
  return {
    steps: launches.map(({ label, kernel, inputs, output }) => ({
      label,
      kernel,
      inputs: inputs.map(placeOf),
      output: placeOf(output),
      inputSizes: inputs.map((input) => input.bytes / 4),
      outputSize: output.bytes / 4
    })),
    slots,
    results: graph.targets.map((target) => placeOf(bufferOf(target))),
    resultSizes: graph.targets.map((target) => sizeOf(entries[target].shape))
  };
}

// ../../work/main/src/engine/run/gpu/errors.ts
var ErrorGuard = class {
  #device;
  #lost;
  constructor(device) {
    this.#device = device;
    device.lost.then((info) => {
      this.#lost = info;
    });
  }
  throwIfLost() {
    if (this.#lost) throw this.#lostError(this.#lost);
  }
  /** Begins to watch; `what` names the work in an error. Every `open` needs its `close`, in the same turn. */
  open(what) {
    this.#device.pushErrorScope("validation");
    this.#device.pushErrorScope("out-of-memory");
    return { what };
  }
  /** Resolves if nothing went wrong since `open`. */
  async close({ what }) {
    const memory2 = this.#device.popErrorScope();
    const validation = this.#device.popErrorScope();
    const [outOfMemory, invalid] = await Promise.all([memory2, validation]);
    if (outOfMemory) throw new Error(`The GPU ran out of memory while ${what()}: ${outOfMemory.message}`);
    if (invalid) throw new Error(`The GPU refused ${what()}: ${invalid.message}`);
    this.throwIfLost();
  }
  /** The error to show: that the device is lost explains whatever failed because of it. */
  explain(error) {
    if (this.#lost) return this.#lostError(this.#lost);
    return error instanceof Error ? error : new Error(String(error));
  }
  #lostError(info) {
    const why = info.reason === "destroyed" ? "it was destroyed" : info.message || "the driver gave no reason";
    return new Error(`The GPU device is lost (${why}). Values that lay on it are gone; request a new device and start again.`);
  }
};
function describe(node) {
  return `${node.operation.name} ${node.dtype}${formatShape(node.shape)}`;
}

// ../../work/main/src/engine/run/gpu/pipelines.ts
var PipelineCache = class {
  #device;
  #pipelines = /* @__PURE__ */ new Map();
  #layouts = /* @__PURE__ */ new Map();
  constructor(device) {
    this.#device = device;
  }
  get created() {
    return this.#pipelines.size;
  }
  /** The layout for `inputs` read-only buffers, one output and, if asked for, one uniform. */
  layout(inputs, uniform2) {
    const key = `${inputs}${uniform2}`;
    let layout = this.#layouts.get(key);
    if (!layout) {
      const types = [
        ...new Array(inputs).fill("read-only-storage"),
        "storage",
        ...uniform2 ? ["uniform"] : []
      ];
      layout = this.#device.createBindGroupLayout({
        entries: types.map((type, binding) => ({ binding, visibility: GPUShaderStage.COMPUTE, buffer: { type } }))
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
  pipeline(kernel, inputs) {
    const { source } = kernel;
    let pipeline = this.#pipelines.get(source);
    if (!pipeline) {
      const layout = this.layout(inputs, kernel.uniforms.length > 0);
      const device = this.#device;
      pipeline = device.createComputePipeline({
        label: kernel.name,
        layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module: device.createShaderModule({ label: kernel.name, code: source }), entryPoint: "main" }
      });
      this.#pipelines.set(source, pipeline);
    }
    return pipeline;
  }
  /** Drops a pipeline that turned out invalid. */
  forget(kernel) {
    this.#pipelines.delete(kernel.source);
  }
};

// ../../work/main/src/engine/run/gpu/pool.ts
var keepUnused = 64 * 2 ** 20;
var BufferPool = class {
  #device;
  #free = /* @__PURE__ */ new Map();
  #slots = /* @__PURE__ */ new Map();
  #nextId = 0;
  #inUse = 0;
  #peak = 0;
  #reserved = 0;
  #alive = 0;
  #created = 0;
  constructor(device) {
    this.#device = device;
  }
  get created() {
    return this.#created;
  }
  /** A buffer of at least `bytes`. Throws, with the sizes, where the device cannot bind so much. */
  acquire(bytes, label) {
    const size = roundedSize(bytes);
    const found = this.#free.get(size)?.pop();
    const buffer = found ?? this.#create(size, bytes, label);
    this.#inUse += size;
    this.#peak = Math.max(this.#peak, this.#inUse);
    return buffer;
  }
  release(buffer) {
    this.#inUse -= buffer.size;
    const unused = this.#reserved - this.#inUse;
    if (unused > Math.max(keepUnused, this.#inUse)) {
      this.#reserved -= buffer.size;
      this.#alive--;
      buffer.buffer.destroy();
      return;
    }
    const list = this.#free.get(buffer.size);
    if (list) list.push(buffer);
    else this.#free.set(buffer.size, [buffer]);
  }
  /**
   * Buffers for the slots of a plan. Plans run one after the other, and no slot's content outlives a run, so all plans
   * share them: the n-th slot of a size is always the same buffer, and bind groups over slots stay valid.
   */
  slots(sizes, label) {
    const taken = /* @__PURE__ */ new Map();
    return sizes.map((size) => {
      const at = taken.get(size) ?? 0;
      taken.set(size, at + 1);
      const list = this.#slots.get(size) ?? [];
      this.#slots.set(size, list);
      list[at] ??= this.acquire(size, label);
      return list[at];
    });
  }
  memory() {
    return { bytesInUse: this.#inUse, peakBytes: this.#peak, bytesReserved: this.#reserved, buffers: this.#alive };
  }
  #create(size, bytes, label) {
    const { maxStorageBufferBindingSize, maxBufferSize } = this.#device.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    if (bytes > limit) {
      throw new RangeError(
        `${label} needs a buffer of ${bytes} bytes; this adapter binds at most ${limit}. Use smaller batches or split the tensor.`
      );
    }
    const buffer = this.#device.createBuffer({
      label,
      size: Math.min(size, limit - limit % 4),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST
    });
    this.#created++;
    this.#alive++;
    this.#reserved += size;
    return { id: this.#nextId++, buffer, size };
  }
};

// ../../work/main/src/engine/run/gpu/profiler.ts
var maxQueries = 4096;
var Profiler = class {
  #gpu;
  #totals = /* @__PURE__ */ new Map();
  #labels = [];
  #queries;
  constructor(gpu) {
    if (!gpu.features.has("timestamp-query")) {
      throw new Error("Profiling needs timestamp queries, which this adapter does not have.");
    }
    this.#gpu = gpu;
  }
  /** The pass descriptor of the next launch. */
  next(label, flops) {
    this.#queries ??= this.#gpu.createQuerySet({ type: "timestamp", count: maxQueries });
    const at = this.#labels.length * 2;
    if (at + 2 > maxQueries) return {};
    this.#labels.push({ label, flops });
    const querySet = this.#queries;
    return { timestampWrites: { querySet, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 } };
  }
  /** Encodes the end of a run; the function returned adds up its times once it is submitted. */
  finish(encoder) {
    const [labels, queries] = [this.#labels, this.#queries];
    this.#labels = [];
    this.#queries = void 0;
    if (!queries || labels.length === 0) return async () => {
    };
    const size = labels.length * 16;
    const resolved = this.#gpu.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const mapped = this.#gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.resolveQuerySet(queries, 0, labels.length * 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
    return async () => {
      await mapped.mapAsync(GPUMapMode.READ);
      const times = new BigUint64Array(mapped.getMappedRange());
      labels.forEach(({ label, flops }, i) => {
        const total = this.#totals.get(label) ?? { launches: 0, nanoseconds: 0, flops: 0 };
        total.launches++;
        total.nanoseconds += Number(times[2 * i + 1] - times[2 * i]);
        total.flops += flops;
        this.#totals.set(label, total);
      });
      for (const resource of [mapped, resolved, queries]) resource.destroy();
    };
  }
  /** Kernels by time, the slowest first. */
  times() {
    return [...this.#totals].map(([label, { launches, nanoseconds, flops }]) => ({ label, launches, flops, milliseconds: nanoseconds / 1e6 })).sort((a2, b) => b.milliseconds - a2.milliseconds);
  }
};

// ../../work/main/src/engine/run/gpu/prepared-plan.ts
var uniformAlignment = 256;
var maxBindGroups = 32;
var PreparedPlan = class {
  key;
  plan;
  #gpu;
  #pool;
  #pipelines;
  #uploads = [];
  #slots = [];
  #uniforms;
  #steps = [];
  constructor(key, plan, gpu, pool, pipelines) {
    this.key = key;
    this.plan = plan;
    this.#gpu = gpu;
    this.#pool = pool;
    this.#pipelines = pipelines;
  }
  /** Compiles what is new and takes memory. Resolves when the device has accepted all of it. */
  prepare(errors) {
    const checks = [];
    const watched = (what, work) => {
      const scopes = errors.open(() => what);
      try {
        return work();
      } finally {
        const check = errors.close(scopes);
        check.catch(() => {
        });
        checks.push(check);
      }
    };
    const { steps, slots } = this.plan;
    this.#slots = watched(`taking memory for ${slots.length} intermediates`, () => this.#pool.slots(slots, largest(this.plan)));
    const words = steps.map(({ kernel }) => paddedWords(kernel.uniforms));
    this.#uniforms = watched("writing uniforms", () => this.#writeUniforms(words));
    let offset = 0;
    this.#steps = steps.map((step, i) => {
      const { kernel, inputs } = step;
      const prepared = watched(`the kernel ${step.label}`, () => ({
        step,
        pipeline: this.#pipelines.pipeline(kernel, inputs.length),
        layout: this.#pipelines.layout(inputs.length, kernel.uniforms.length > 0),
        uniformOffset: offset,
        fixed: [...inputs, step.output].every((place) => place.kind === "slot"),
        bindGroups: /* @__PURE__ */ new Map()
      }));
      checks[checks.length - 1].catch(() => this.#pipelines.forget(kernel));
      offset += words[i].byteLength;
      return prepared;
    });
    return Promise.all(checks).then(() => {
    });
  }
  /** Encodes every step, into one pass unless each is to be timed; returns the number of bind groups that had to be made. */
  encode(encoder, leaves, targets, profiler) {
    if (this.#steps.length === 0) return 0;
    let made = 0;
    let pass = profiler ? void 0 : encoder.beginComputePass();
    for (const prepared of this.#steps) {
      const { step, bindGroups } = prepared;
      const places = [...step.inputs, step.output];
      const key = prepared.fixed ? "" : places.map((place) => this.#at(place, leaves, targets).id).join();
      let group = bindGroups.get(key);
      if (!group) {
        made++;
        group = this.#bindGroup(prepared, places.map((place) => this.#at(place, leaves, targets)));
        if (bindGroups.size >= maxBindGroups) bindGroups.clear();
        bindGroups.set(key, group);
      }
      if (profiler) pass = encoder.beginComputePass(profiler.next(step.label, step.kernel.flops));
      pass?.setPipeline(prepared.pipeline);
      pass?.setBindGroup(0, group);
      pass?.dispatchWorkgroups(...step.kernel.workgroups);
      if (profiler) pass?.end();
    }
    if (!profiler) pass?.end();
    return made;
  }
  /** The buffers that hold the targets after a run. */
  results(leaves, targets) {
    return this.plan.results.map((place) => this.#at(place, leaves, targets));
  }
  /** The plan's own buffer for a leaf that comes from the host, filled if this value is not in it already. */
  upload(leaf, node, words, label) {
    let upload = this.#uploads[leaf];
    if (upload?.node === node) return upload.buffer;
    const data = words();
    upload ??= { buffer: this.#pool.acquire(Math.max(4, data.byteLength), label) };
    this.#uploads[leaf] = upload;
    if (data.byteLength > 0) this.#gpu.queue.writeBuffer(upload.buffer.buffer, 0, data);
    upload.node = node;
    return upload.buffer;
  }
  /** The leaf has a buffer of its own by now. */
  dropUpload(leaf) {
    const upload = this.#uploads[leaf];
    if (upload) this.#pool.release(upload.buffer);
    this.#uploads[leaf] = void 0;
  }
  dispose() {
    this.#uploads.forEach((_, leaf) => {
      this.dropUpload(leaf);
    });
    this.#uniforms?.destroy();
  }
  #at(place, leaves, targets) {
    if (place.kind === "slot") return this.#slots[place.slot];
    if (place.kind === "leaf") return leaves[place.leaf];
    const target = targets[place.target];
    if (!target) throw new Error("A result was to stay on the device, but no buffer was given for it.");
    return target;
  }
  #bindGroup({ step, layout, uniformOffset }, buffers) {
    const entries = buffers.map(({ buffer }, binding) => ({ binding, resource: { buffer } }));
    if (this.#uniforms && step.kernel.uniforms.length > 0) {
      const size = Math.ceil(step.kernel.uniforms.length / 4) * 16;
      entries.push({
        binding: buffers.length,
        resource: { buffer: this.#uniforms, offset: uniformOffset, size }
      });
    }
    return this.#gpu.createBindGroup({ label: step.label, layout, entries });
  }
  #writeUniforms(words) {
    const size = words.reduce((total, part) => total + part.byteLength, 0);
    if (size === 0) return void 0;
    const buffer = this.#gpu.createBuffer({ label: "uniforms", size, usage: GPUBufferUsage.UNIFORM, mappedAtCreation: true });
    const mapped = new Uint32Array(buffer.getMappedRange());
    let at = 0;
    for (const part of words) {
      mapped.set(part, at);
      at += part.length;
    }
    buffer.unmap();
    return buffer;
  }
};
function paddedWords(words) {
  const padded = new Uint32Array(Math.ceil(words.length * 4 / uniformAlignment) * uniformAlignment / 4);
  padded.set(words);
  return padded;
}
function largest({ steps }) {
  if (steps.length === 0) return "A plan";
  return steps.reduce((most, step) => step.outputSize > most.outputSize ? step : most).label;
}

// ../../work/main/src/engine/run/gpu/staging.ts
var Staging = class {
  #device;
  #free = /* @__PURE__ */ new Map();
  #created = 0;
  constructor(device) {
    this.#device = device;
  }
  get created() {
    return this.#created;
  }
  /**
   * Encodes copies of the first `bytes[i]` bytes of each source. The function returned resolves, once submitted, to
   * their contents.
   */
  copyOut(encoder, sources, bytes) {
    const total = bytes.reduce((sum2, size2) => sum2 + size2, 0);
    if (total === 0) return async () => bytes.map(() => new ArrayBuffer(0));
    const size = roundedSize(total);
    const buffer = this.#free.get(size)?.pop() ?? this.#create(size);
    const offsets = [];
    let offset = 0;
    sources.forEach((source, i) => {
      offsets.push(offset);
      if (bytes[i] > 0) encoder.copyBufferToBuffer(source.buffer, 0, buffer, offset, bytes[i]);
      offset += bytes[i];
    });
    return async () => {
      await buffer.mapAsync(GPUMapMode.READ, 0, total);
      const mapped = buffer.getMappedRange(0, total);
      const copies = bytes.map((length, i) => mapped.slice(offsets[i], offsets[i] + length));
      buffer.unmap();
      this.#free.set(size, [...this.#free.get(size) ?? [], buffer]);
      return copies;
    };
  }
  #create(size) {
    this.#created++;
    return this.#device.createBuffer({
      label: "staging",
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST
    });
  }
};

// ../../work/main/src/engine/run/gpu/device.ts
var maxPlans = 256;
var GpuDevice = class {
  kind = "gpu";
  name;
  adapterClass;
  /** For those who launch kernels of their own. */
  gpu;
  #errors;
  #pool;
  #pipelines;
  #staging;
  #plans = /* @__PURE__ */ new Map();
  #collected = new FinalizationRegistry((storage) => storage.release());
  #profiler;
  #planCount = 0;
  #bindGroups = 0;
  #dispatches = 0;
  constructor(gpu, options) {
    this.gpu = gpu;
    this.name = options.name;
    this.adapterClass = options.adapterClass;
    this.#errors = new ErrorGuard(gpu);
    this.#pool = new BufferPool(gpu);
    this.#pipelines = new PipelineCache(gpu);
    this.#staging = new Staging(gpu);
  }
  run(graph, targets) {
    this.#errors.throwIfLost();
    const { plan, ready } = this.#planFor(graph, targets);
    const finished = this.#errors.open(() => `running ${plan.plan.steps.length} kernels`);
    const kept = [];
    let reads;
    try {
      const leaves = graph.leaves.map((node, leaf) => this.#leafBuffer(plan, node, leaf));
      const inputs = new Set(leaves);
      const outputs = targets.map(
        (target, i) => target.purpose === "keep" ? this.#outputFor(target, plan.plan.resultSizes[i] * 4, inputs) : void 0
      );
      const encoder = this.gpu.createCommandEncoder();
      this.#bindGroups += plan.encode(encoder, leaves, outputs, this.#profiler);
      this.#dispatches += plan.plan.steps.length;
      const results = plan.results(leaves, outputs);
      const bytes = plan.plan.resultSizes.map((size) => size * 4);
      targets.forEach((target, i) => {
        const output = outputs[i];
        if (output && results[i] !== output && bytes[i] > 0) {
          encoder.copyBufferToBuffer(results[i].buffer, 0, output.buffer, 0, bytes[i]);
        }
        if (output) kept[i] = { kind: "device", storage: this.#storageFor(output, target, bytes[i]) };
      });
      const wanted = targets.map((target, i) => target.purpose === "read" ? bytes[i] : 0);
      const read2 = this.#staging.copyOut(encoder, results, wanted);
      const timed = this.#profiler?.finish(encoder);
      this.gpu.queue.submit([encoder.finish()]);
      reads = Promise.all([read2(), timed?.()]).then(
        ([all]) => graph.targets.map((entry, i) => fromDeviceBytes(graph.entries[entry].dtype, all[i]))
      );
    } catch (error) {
      this.#errors.close(finished).catch(() => {
      });
      throw error;
    }
    const closed = this.#errors.close(finished);
    closed.catch(() => {
    });
    const checked = ready.then(() => closed);
    checked.catch(() => this.#forget(plan));
    return {
      kept,
      reads: checked.then(
        () => reads.catch((error) => Promise.reject(this.#errors.explain(error))),
        (error) => {
          reads.catch(() => {
          });
          throw this.#errors.explain(error);
        }
      )
    };
  }
  releaseWhenCollected(owner, storage) {
    this.#collected.register(owner, storage);
  }
  memory() {
    return this.#pool.memory();
  }
  counters() {
    return {
      plans: this.#planCount,
      pipelines: this.#pipelines.created,
      buffers: this.#pool.created + this.#staging.created,
      bindGroups: this.#bindGroups,
      dispatches: this.#dispatches
    };
  }
  explain(graph, options) {
    return explainPlan(this.#makePlan(graph, graph.targets.map(() => false)), options);
  }
  /** Times every kernel of what `body` runs, slowest first. Slower than running without: each launch waits for the last. */
  async profile(body) {
    const profiler = new Profiler(this.gpu);
    this.#profiler = profiler;
    try {
      await body();
    } finally {
      this.#profiler = void 0;
    }
    return profiler.times();
  }
  async synchronize() {
    await this.gpu.queue.onSubmittedWorkDone();
    this.#errors.throwIfLost();
  }
  destroy() {
    this.gpu.destroy();
  }
  #makePlan(graph, kept) {
    const maxBuffers = Math.min(this.gpu.limits.maxStorageBuffersPerShaderStage, 10);
    return makePlan(graph, { adapter: this.adapterClass, maxBuffers, kept });
  }
  #planFor(graph, targets) {
    const kept = targets.map((target) => target.purpose === "keep");
    const key = `${kept.map(Number).join("")}${graph.key}`;
    const known = this.#plans.get(key);
    if (known) {
      this.#plans.delete(key);
      this.#plans.set(key, known);
      return { plan: known, ready: Promise.resolve() };
    }
    const plan = new PreparedPlan(key, this.#makePlan(graph, kept), this.gpu, this.#pool, this.#pipelines);
    const ready = plan.prepare(this.#errors);
    this.#planCount++;
    this.#plans.set(key, plan);
    for (const [oldest, old] of this.#plans) {
      if (this.#plans.size <= maxPlans) break;
      old.dispose();
      this.#plans.delete(oldest);
    }
    return { plan, ready };
  }
  #forget(plan) {
    if (this.#plans.get(plan.key) === plan) this.#plans.delete(plan.key);
  }
  /** A leaf's buffer: its own on this device, or the plan's, filled from the host when another value comes. */
  #leafBuffer(plan, node, leaf) {
    const { value } = node;
    if (value?.kind === "device") {
      if (value.storage instanceof GpuStorage && value.storage.owner === this) {
        plan.dropUpload(leaf);
        return value.storage.pooled;
      }
      throw new Error(
        `A tensor of shape [${node.shape}] lies on ${value.storage.deviceName}, not on ${this.name}; read it there (data) and make a tensor of it here.`
      );
    }
    if (value?.kind !== "host") throw new Error(`A tensor of shape [${node.shape}] has no value to run with.`);
    return plan.upload(leaf, node, () => toDeviceWords(node.dtype, value.data), describe(node));
  }
  #outputFor(target, bytes, inputs) {
    const { recycle } = target;
    if (recycle instanceof GpuStorage && recycle.owner === this && !inputs.has(recycle.pooled)) return recycle.pooled;
    return this.#pool.acquire(bytes, "A result");
  }
  #storageFor(output, target, bytes) {
    const { recycle } = target;
    if (recycle instanceof GpuStorage && recycle.pooled === output) return recycle;
    return new GpuStorage(this, output, bytes, this.#pool);
  }
  /** For `GpuStorage`: the elements of a buffer on the host. */
  async read(dtype, pooled, bytes) {
    this.#errors.throwIfLost();
    const encoder = this.gpu.createCommandEncoder();
    const read2 = this.#staging.copyOut(encoder, [pooled], [bytes]);
    this.gpu.queue.submit([encoder.finish()]);
    const [data] = await read2().catch((error) => Promise.reject(this.#errors.explain(error)));
    return fromDeviceBytes(dtype, data);
  }
};
var GpuStorage = class {
  owner;
  pooled;
  bytes;
  #pool;
  #released = false;
  constructor(owner, pooled, bytes, pool) {
    this.owner = owner;
    this.pooled = pooled;
    this.bytes = bytes;
    this.#pool = pool;
  }
  get deviceName() {
    return this.owner.name;
  }
  read(dtype) {
    return this.owner.read(dtype, this.pooled, this.bytes);
  }
  release() {
    if (!this.#released) this.#pool.release(this.pooled);
    this.#released = true;
  }
};

// ../../work/main/src/engine/run/gpu/request.ts
var wantedLimits = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupStorageSize"
];
async function createGpuDevice(adapter, options) {
  const requiredLimits = Object.fromEntries(wantedLimits.map((name) => [name, adapter.limits[name]]));
  const features = adapter.features.has("timestamp-query") ? ["timestamp-query"] : [];
  const gpu = await adapter.requestDevice({ requiredLimits, requiredFeatures: [...features] });
  return new GpuDevice(gpu, options);
}

// ../../work/main/src/engine/run/reference.ts
var ReferenceDevice = class {
  kind = "reference";
  name = "reference executor (float64, no GPU)";
  run(graph, targets) {
    const arrays = this.values(graph);
    return {
      kept: arrays.map((data, i) => targets[i].purpose === "keep" ? { kind: "host", data } : void 0),
      reads: Promise.resolve(arrays)
    };
  }
  /** The targets' elements, at once. */
  values(graph) {
    const values = this.#execute(graph);
    return graph.targets.map((entry) => values[entry] ?? new Float64Array());
  }
  /** Values by entry; those that nothing needs any more are dropped on the way. */
  #execute(graph) {
    const lastUse = graph.entries.map(() => -1);
    graph.entries.forEach((entry, at) => {
      for (const input of entry.inputs) lastUse[input] = at;
    });
    for (const target of graph.targets) lastUse[target] = Infinity;
    const values = [];
    graph.entries.forEach((entry, at) => {
      values[at] = entry.leaf === void 0 ? this.#compute(graph, at, values) : leafData(graph, entry.leaf);
      for (const input of entry.inputs) if (lastUse[input] === at) values[input] = void 0;
    });
    return values;
  }
  #compute(graph, at, values) {
    const entry = graph.entries[at];
    return entry.operation.reference(
      entry.inputs.map((input) => values[input] ?? new Float64Array()),
      entry
    );
  }
  explain(graph) {
    return graph.entries.map((entry, at) => `${at}  ${entry.operation.key} [${entry.shape}]`).join("\n");
  }
  releaseWhenCollected(_owner, _storage) {
  }
  memory() {
    return { bytesInUse: 0, peakBytes: 0, bytesReserved: 0, buffers: 0 };
  }
  counters() {
    return { plans: 0, pipelines: 0, buffers: 0, bindGroups: 0, dispatches: 0 };
  }
  async synchronize() {
  }
  destroy() {
  }
};
function leafData(graph, leaf) {
  const { value } = graph.leaves[leaf];
  if (value?.kind === "host") return value.data;
  throw new Error(
    `A tensor of shape [${graph.leaves[leaf].shape}] lies on a GPU device; read it there before switching to the reference executor.`
  );
}

// ../../work/main/src/engine/browser.ts
async function requestBrowserDevice() {
  const gpu = globalThis.navigator?.gpu;
  const adapter = await gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    const lacking = gpu ? "WebGPU found no adapter" : "there is no WebGPU here (navigator.gpu is missing)";
    console.warn(`regrad: ${lacking}, so the float64 reference executor computes: right, but slow. ${cure}`);
    return new ReferenceDevice();
  }
  const adapterClass = isSoftwareAdapter(adapter.info) ? "software" : "hardware";
  return createGpuDevice(adapter, { name: adapterName(adapter.info), adapterClass });
}
var cure = "In Node, import 'regrad/node'. In a browser, use a recent one, serve the page over https or from localhost, and see that graphics acceleration is on.";

// ../../work/main/src/engine/device.ts
var findDevice = () => requestBrowserDevice();
var current;
function setDeviceProvider(provider) {
  findDevice = provider;
}
function currentDevice() {
  current ??= findDevice();
  return current;
}
function setDevice(device) {
  current = Promise.resolve(device);
}

// ../../work/main/src/engine/evaluate.ts
async function evaluate(nodes, purpose) {
  const device = await currentDevice();
  const updates = waitingUpdates();
  const known = nodes.map(({ value }) => value?.kind === "host" && purpose === "read" ? value.data : void 0);
  if (updates.length === 0 && known.every((data) => data !== void 0)) return known;
  const graph = buildGraph([...nodes, ...updates.map(({ node }) => node)]);
  return runGraph(device, graph, nodes.map(resolve), purpose, updates).results;
}
function runGraph(device, graph, nodes, purpose, updates) {
  const targets = [
    ...nodes.map((node) => ({ purpose: node.value?.kind === "device" && purpose === "keep" ? "none" : purpose })),
    ...updates.map(({ spare }) => {
      const storage = spare?.value?.kind === "device" ? spare.value.storage : void 0;
      return { purpose: "keep", recycle: storage };
    })
  ];
  const { kept, reads } = device.run(graph, targets);
  nodes.forEach((node, i) => {
    const value = kept[i];
    if (value) own(device, node, value);
  });
  updates.forEach(({ node, spare }, i) => {
    const value = kept[nodes.length + i];
    if (!value) return;
    const recycled = spare?.value?.kind === "device" && value.kind === "device" && spare.value.storage === value.storage;
    if (spare && recycled) spare.value = { kind: "gone", reason: replaced };
    own(device, node, value);
  });
  updatesDone(updates);
  return {
    results: reads.then((arrays) => {
      nodes.forEach((node, i) => {
        if (purpose === "read" && node.value === void 0) node.value = { kind: "host", data: arrays[i] };
      });
      return arrays.slice(0, nodes.length);
    })
  };
}
var replaced = "This value of a parameter was assigned over more than once since; read what depends on it before the second update.";
function own(device, node, value) {
  node.value = value;
  if (value.kind === "device") device.releaseWhenCollected(node, value.storage);
}

// ../../work/main/src/engine/tensor.ts
var Tensor = class {
  /** The node on the tape; for those who read or extend the engine. `assign` alone moves a handle to another node. */
  node;
  constructor(node) {
    this.node = node;
  }
  get shape() {
    return this.node.shape;
  }
  get dtype() {
    return this.node.dtype;
  }
  /** Number of elements. */
  get size() {
    return sizeOf(this.node.shape);
  }
  /**
   * Computes the tensor (and runs every waiting `assign`) and resolves to a copy of its elements, last dim fastest:
   * Float32Array for f32 (Float64Array on the reference executor), Int32Array, Uint32Array, or Uint8Array for bool.
   */
  async data() {
    const [values] = await evaluate([this.node], "read");
    return values.slice();
  }
  /** Like `data`, for a tensor of one element: the number. */
  async item() {
    if (this.size !== 1) {
      throw new ShapeError(`item: expected a tensor of one element, got shape ${formatShape(this.shape)}; use data().`);
    }
    return (await this.data())[0];
  }
  /** The same values, through which no gradient flows (PyTorch's `detach`). */
  detach() {
    return record(detachOperation, [this], this.shape, this.dtype);
  }
  /** Computes the tensor and keeps it on the device, so that later graphs start from it. */
  async run() {
    await evaluate([this.node], "keep");
    return this;
  }
  /** Frees the memory that the value holds. Using the tensor afterwards is an error. */
  dispose() {
    const { value } = this.node;
    if (value?.kind === "device") value.storage.release();
    this.node.value = { kind: "gone", reason: `This tensor of shape ${formatShape(this.shape)} was disposed of.` };
    this.node.source = void 0;
  }
  [Symbol.dispose]() {
    this.dispose();
  }
};
var detachOperation = {
  name: "detach",
  key: "detach",
  gradients: ["zero"],
  reference: ([x]) => x,
  lowering: { kind: "inline", alias: true, cost: 0, emit: (emitter, index) => emitter.input(0, index) }
};
function record(operation, inputs, shape, dtype) {
  return new Tensor(recordNode(operation, inputs.map((input) => input.node), shape, dtype));
}
function tensor(values, options = {}) {
  const flat = [];
  const typed = ArrayBuffer.isView(values) ? values : void 0;
  const ownShape = typed ? [typed.length] : flatten(values, flat, 0);
  const dtype = options.dtype ?? defaultDType(values);
  const shape = options.shape ?? ownShape;
  checkShape("tensor", shape);
  const source = typed ?? flat;
  if (sizeOf(shape) !== source.length) {
    throw new ShapeError(
      `tensor: shape ${formatShape(shape)} needs ${sizeOf(shape)} values, ${source.length} were given.`
    );
  }
  const data = dtype === "f32" && values instanceof Float32Array ? values.slice() : referenceArray(dtype, source.length);
  if (!(data instanceof Float32Array)) {
    for (let i = 0; i < data.length; i++) data[i] = dtype === "bool" ? Number(Boolean(source[i])) : source[i];
  }
  const handle = new Tensor(leafNode([...shape], dtype, { kind: "host", data }));
  handle.node.owner = new WeakRef(handle);
  return handle;
}
function defaultDType(values) {
  if (values instanceof Int32Array) return "i32";
  if (values instanceof Uint32Array) return "u32";
  let first = values;
  while (Array.isArray(first)) first = first[0];
  return typeof first === "boolean" ? "bool" : "f32";
}
function flatten(values, out, depth) {
  if (typeof values === "number" || typeof values === "boolean") {
    out.push(Number(values));
    return [];
  }
  if (!Array.isArray(values)) {
    throw new TypeError(`tensor: expected numbers, nested lists or a typed array, got ${typeof values}.`);
  }
  const shapes = values.map((value) => flatten(value, out, depth + 1));
  const ragged = shapes.find((shape) => shape.join() !== shapes[0].join());
  if (ragged) {
    throw new ShapeError(
      `tensor: nested lists are ragged at depth ${depth + 1}: ${formatShape(shapes[0])} beside ${formatShape(ragged)}.`
    );
  }
  return [values.length, ...shapes[0] ?? []];
}
function full(shape, value, dtype = "f32") {
  checkShape("full", shape);
  return record(fullOperation(value), [], [...shape], dtype);
}
function zeros(shape, dtype = "f32") {
  return full(shape, 0, dtype);
}
function fullOperation(value) {
  return {
    name: "full",
    key: `full(${Object.is(value, -0) ? "-0" : value})`,
    gradients: [],
    reference: (_, entry) => referenceArray(entry.dtype, sizeOf(entry.shape)).fill(value),
    lowering: { kind: "inline", cost: 0, emit: (emitter, _, entry) => emitter.constant(value, entry.dtype) }
  };
}
function arange(count, dtype = "f32") {
  checkShape("arange", [count]);
  return record(arangeOperation, [], [count], dtype);
}
var arangeOperation = {
  name: "arange",
  key: "arange",
  gradients: [],
  reference: (_, entry) => referenceArray(entry.dtype, sizeOf(entry.shape)).map((_value, i) => i),
  lowering: {
    kind: "inline",
    cost: 0,
    emit: (_, index, entry) => entry.dtype === "u32" ? index.position : `${entry.dtype}(${index.position})`
  }
};

// ../../work/main/src/engine/ops/reduction.ts
function reductionOperation(name, dims, fold, gradient) {
  return {
    name,
    key: `${name}(${dims})`,
    gradients: [gradient],
    reference: ([x], entry) => foldElements(x, entry, dims, fold.initial(entry.dtype), fold.reference),
    lowering: { kind: "reduction", dims, initial: fold.initial, combine: fold.combine }
  };
}
function foldElements(x, entry, dims, initial, combine) {
  const [shape] = entry.inputShapes;
  const out = referenceArray(entry.dtype, sizeOf(entry.shape)).fill(initial);
  const steps = shape.map(() => 0);
  let step = 1;
  for (let dim = shape.length - 1; dim >= 0; dim--) {
    if (dims.includes(dim)) continue;
    steps[dim] = step;
    step *= shape[dim];
  }
  const coordinates = shape.map(() => 0);
  let to = 0;
  for (let from = 0; from < x.length; from++) {
    out[to] = combine(out[to], x[from]);
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      to += steps[dim];
      if (++coordinates[dim] < shape[dim]) break;
      to -= steps[dim] * shape[dim];
      coordinates[dim] = 0;
    }
  }
  return out;
}
function keptShape(shape, dims) {
  return shape.map((size, dim) => dims.includes(dim) ? 1 : size);
}
function reduce(x, operation, dims, keepDim) {
  const result = record(
    operation,
    [x],
    x.shape.filter((_, dim) => !dims.includes(dim)),
    x.dtype
  );
  return keepDim ? reshape(result, keptShape(x.shape, dims)) : result;
}
function checkNumeric(name, x, floatOnly2 = false) {
  if (x.dtype === "bool" || floatOnly2 && x.dtype !== "f32") {
    throw new TypeError(
      `${name}: expected ${floatOnly2 ? "f32" : "f32, i32 or u32"}, got ${x.dtype}${formatShape(x.shape)}; use cast first.`
    );
  }
}
function checkNotEmpty(name, x, dims) {
  if (dims.some((dim) => x.shape[dim] === 0)) {
    throw new ShapeError(`${name}: shape ${formatShape(x.shape)} has no elements to choose from along dims [${dims}].`);
  }
}
function sum(x, dims, keepDim = false) {
  checkNumeric("sum", x);
  const list = normalizeDims("sum", dims, x.shape);
  const operation = reductionOperation(
    "sum",
    list,
    { initial: () => 0, combine: (a2, b) => `${a2} + ${b}`, reference: (a2, b) => a2 + b },
    (g, [input]) => expand(reshape(g, keptShape(input.shape, list)), input.shape)
  );
  return reduce(x, operation, list, keepDim);
}
function mean(x, dims, keepDim = false) {
  checkNumeric("mean", x, true);
  const list = normalizeDims("mean", dims, x.shape);
  return mul(sum(x, list, keepDim), 1 / countOf(x, list));
}
function countOf(x, dims) {
  return dims.reduce((count, dim) => count * x.shape[dim], 1);
}
function max(x, dims, keepDim = false) {
  return extreme("max", x, dims, keepDim, {
    initial: (dtype) => dtype === "f32" ? -Infinity : dtype === "i32" ? -(2 ** 31) : 0,
    combine: (a2, b, dtype) => dtype === "f32" ? `maximum(${a2}, ${b})` : `max(${a2}, ${b})`,
    reference: Math.max
  });
}
function extreme(name, x, dims, keepDim, fold) {
  checkNumeric(name, x);
  const list = normalizeDims(name, dims, x.shape);
  checkNotEmpty(name, x, list);
  const operation = reductionOperation(name, list, fold, (g, [input], out) => {
    const kept = keptShape(input.shape, list);
    const hit = isExtreme(input, reshape(out, kept));
    const ties = sum(cast(hit, "f32"), list, true);
    return where(hit, div(reshape(g, kept), ties), 0);
  });
  return reduce(x, operation, list, keepDim);
}
function isExtreme(x, value) {
  return x.dtype === "f32" ? logicalOr(eq(x, value), isNan(x)) : eq(x, value);
}

// ../../work/main/src/engine/ops/movement.ts
function readStrided(input, entry, strides, offset) {
  const { shape, dtype } = entry;
  const out = referenceArray(dtype, sizeOf(shape));
  const coordinates = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < out.length; to++) {
    out[to] = input[from];
    for (let dim = shape.length - 1; dim >= 0; dim--) {
      from += strides[dim];
      if (++coordinates[dim] < shape[dim]) break;
      from -= strides[dim] * shape[dim];
      coordinates[dim] = 0;
    }
  }
  return out;
}
function moves(emit, alias = false) {
  return { kind: "inline", cost: 0, emit, alias };
}
var reshapeOperation = {
  name: "reshape",
  key: "reshape",
  gradients: [(g, [x]) => reshape(g, x.shape)],
  reference: ([x]) => x,
  lowering: moves((emitter, index, entry) => emitter.input(0, index.reshaped(entry.inputShapes[0])), true)
};
function reshape(x, shape) {
  const known = shape.reduce((product2, size) => size === -1 ? product2 : product2 * size, 1);
  const result = shape.map((size) => size === -1 && known > 0 ? x.size / known : size);
  const fits = shape.filter((size) => size === -1).length <= 1 && result.every((size) => Number.isInteger(size) && size >= 0);
  if (!fits || sizeOf(result) !== x.size) {
    throw new ShapeError(
      `reshape: shape ${formatShape(x.shape)} has ${x.size} elements, which do not fit ${formatShape(shape)}.`
    );
  }
  return sameShape(result, x.shape) ? x : record(reshapeOperation, [x], result, x.dtype);
}
var expandOperation = {
  name: "expand",
  key: "expand",
  gradients: [(g, [x]) => sumTo(g, x.shape)],
  reference: ([x], entry) => {
    const [from] = entry.inputShapes;
    const lead = entry.shape.length - from.length;
    const strides = stridesOf(from);
    return readStrided(
      x,
      entry,
      entry.shape.map((_, dim) => dim < lead || from[dim - lead] === 1 ? 0 : strides[dim - lead]),
      0
    );
  },
  lowering: moves((emitter, index, entry) => {
    const [from] = entry.inputShapes;
    if (sizeOf(from) === 1) return emitter.input(0, emitter.linear(from, "0u"));
    const lead = entry.shape.length - from.length;
    const { coordinates } = index;
    return emitter.input(0, emitter.at(from, from.map((size, dim) => size === 1 ? "0u" : coordinates[dim + lead])));
  })
};
function expand(x, shape) {
  checkShape("expand", shape);
  if (!sameShape(broadcastShapes("expand", x.shape, shape), shape)) {
    throw new ShapeError(`expand: shape ${formatShape(x.shape)} cannot become ${formatShape(shape)}.`);
  }
  return sameShape(x.shape, shape) ? x : record(expandOperation, [x], [...shape], x.dtype);
}
function sumTo(x, shape) {
  const lead = x.shape.length - shape.length;
  const dims = x.shape.flatMap((size, dim) => dim < lead || shape[dim - lead] === 1 && size !== 1 ? [dim] : []);
  return reshape(dims.length === 0 ? x : sum(x, dims), shape);
}
function slice(x, dim, start, end, step = 1) {
  const at = normalizeDim("slice", dim, x.shape);
  const size = x.shape[at];
  const position = (value) => Math.min(size, Math.max(0, value < 0 ? value + size : value));
  if (![start, end ?? 0, step].every(Number.isInteger) || step < 1) {
    throw new ShapeError(
      `slice: expected whole numbers and a step >= 1, got ${start}:${end ?? ""}:${step}; use flip to reverse.`
    );
  }
  const first = position(start);
  const length = Math.max(0, Math.ceil((position(end ?? size) - first) / step));
  if (length === size) return x;
  const operation = {
    name: "slice",
    key: `slice(${at},${first},${step})`,
    gradients: [(g) => embed(g, at, first, step, size)],
    reference: ([values], entry) => {
      const strides = stridesOf(entry.inputShapes[0]);
      const offset = first * strides[at];
      return readStrided(values, entry, strides.map((stride, d) => d === at ? stride * step : stride), offset);
    },
    lowering: moves((emitter, index, entry) => {
      const coordinates = [...index.coordinates];
      const scaled = step === 1 ? coordinates[at] : `${coordinates[at]} * ${emitter.size(step)}`;
      coordinates[at] = emitter.define(first === 0 ? scaled : `${scaled} + ${emitter.size(first)}`);
      return emitter.input(0, emitter.at(entry.inputShapes[0], coordinates));
    })
  };
  return record(operation, [x], x.shape.map((length_, d) => d === at ? length : length_), x.dtype);
}
function embed(x, dim, start, step, size, fill = 0) {
  const shape = x.shape.map((length, d) => d === dim ? size : length);
  if (x.shape[dim] === 0) return full(shape, fill, x.dtype);
  const operation = {
    name: "embed",
    key: `embed(${dim},${start},${step},${fill})`,
    gradients: [(g, [input]) => slice(g, dim, start, start + (input.shape[dim] - 1) * step + 1, step)],
    reference: ([values], entry) => embedElements(values, entry, dim, start, step, fill),
    lowering: moves((emitter, index, entry) => {
      const coordinates = [...index.coordinates];
      const offset = start === 0 ? coordinates[dim] : emitter.define(`${coordinates[dim]} - ${emitter.size(start)}`);
      const place = step === 1 ? offset : emitter.define(`${offset} / ${emitter.size(step)}`);
      const bound = `${place} < ${emitter.size(entry.inputShapes[0][dim])}`;
      const inside = emitter.define(step === 1 ? bound : `${bound} && ${place} * ${emitter.size(step)} == ${offset}`);
      coordinates[dim] = emitter.define(`select(0u, ${place}, ${inside})`);
      const element = emitter.input(0, emitter.at(entry.inputShapes[0], coordinates));
      return `select(${emitter.constant(fill, entry.dtype)}, ${element}, ${inside})`;
    })
  };
  return record(operation, [x], shape, x.dtype);
}
function embedElements(values, entry, dim, start, step, fill) {
  const [from] = entry.inputShapes;
  const out = referenceArray(entry.dtype, sizeOf(entry.shape)).fill(fill);
  const inner = sizeOf(from.slice(dim + 1));
  const outer = sizeOf(from.slice(0, dim));
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < from[dim]; i++) {
      const source = (o * from[dim] + i) * inner;
      out.set(values.subarray(source, source + inner), (o * entry.shape[dim] + start + i * step) * inner);
    }
  }
  return out;
}

// ../../work/main/src/engine/ops/elementwise.ts
var numeric = ["f32", "i32", "u32"];
var floatOnly = ["f32"];
var anyDType = ["f32", "i32", "u32", "bool"];
function operationOf(row) {
  return {
    name: row.name,
    key: row.attributes === void 0 ? row.name : `${row.name}(${row.attributes})`,
    gradients: row.gradients,
    reference: (inputs, entry) => mapElements(row.reference, inputs, entry.dtype, sizeOf(entry.shape)),
    lowering: {
      kind: "inline",
      cost: row.cost ?? 1,
      emit: (emitter, index, entry) => row.wgsl(
        entry.inputDTypes.map((_, i) => emitter.input(i, index)),
        entry.inputDTypes.at(-1) ?? "f32"
      )
    }
  };
}
function mapElements(f, inputs, dtype, size) {
  const out = referenceArray(dtype, size);
  const [a2, b, c] = inputs;
  if (c) for (let i = 0; i < size; i++) out[i] = f(a2[i], b[i], c[i]);
  else if (b) for (let i = 0; i < size; i++) out[i] = f(a2[i], b[i]);
  else for (let i = 0; i < size; i++) out[i] = f(a2[i]);
  return out;
}
function apply(row, operation, operands) {
  const tensors = operands.filter((operand) => operand instanceof Tensor);
  const dtype = tensors.at(-1)?.dtype ?? "f32";
  const takes = row.takes ?? numeric;
  for (const tensor2 of tensors) {
    if (!takes.includes(tensor2.dtype)) {
      throw new TypeError(
        `${row.name}: expected ${takes.join(" or ")}, got ${tensor2.dtype}${formatShape(tensor2.shape)}; use cast first.`
      );
    }
    if (tensor2.dtype !== dtype) {
      throw new TypeError(
        `${row.name}: operands have dtypes ${tensors.map((t) => t.dtype + formatShape(t.shape)).join(" and ")}; expected one dtype. Use cast(x, '${dtype}').`
      );
    }
  }
  const shape = broadcastShapes(row.name, ...tensors.map((tensor2) => tensor2.shape));
  const inputs = operands.map((operand) => operandTo(operand, shape, dtype));
  return record(operation, inputs, shape, row.gives ?? dtype);
}
function operandTo(operand, shape, dtype) {
  if (!(operand instanceof Tensor)) return full(shape, operand, dtype);
  return sameShape(operand.shape, shape) ? operand : expand(operand, shape);
}
function unary(row) {
  const operation = operationOf(row);
  return (x) => apply(row, operation, [x]);
}
function binary(row) {
  const operation = operationOf(row);
  return (a2, b) => apply(row, operation, [a2, b]);
}
var add = binary({
  name: "add",
  wgsl: ([a2, b]) => `${a2} + ${b}`,
  reference: (a2, b) => a2 + b,
  gradients: [(g) => g, (g) => g]
});
var sub = binary({
  name: "sub",
  wgsl: ([a2, b]) => `${a2} - ${b}`,
  reference: (a2, b) => a2 - b,
  gradients: [(g) => g, (g) => neg(g)]
});
var mul = binary({
  name: "mul",
  wgsl: ([a2, b]) => `${a2} * ${b}`,
  reference: (a2, b) => a2 * b,
  gradients: [(g, [, b]) => mul(g, b), (g, [a2]) => mul(g, a2)]
});
var div = binary({
  name: "div",
  takes: floatOnly,
  wgsl: ([a2, b]) => `${a2} / ${b}`,
  reference: (a2, b) => a2 / b,
  gradients: [(g, [, b]) => div(g, b), (g, [, b], out) => neg(div(mul(g, out), b))]
});
var neg = unary({
  name: "neg",
  takes: ["f32", "i32"],
  wgsl: ([x]) => `-${x}`,
  reference: (x) => -x,
  gradients: [(g) => neg(g)]
});
var abs = unary({
  name: "abs",
  takes: ["f32", "i32"],
  wgsl: ([x]) => `abs(${x})`,
  reference: Math.abs,
  gradients: [(g, [x]) => mul(g, sign(x))]
});
var sign = unary({
  name: "sign",
  takes: ["f32", "i32"],
  wgsl: ([x], dtype) => `${dtype}(${x} > ${dtype}(0)) - ${dtype}(${x} < ${dtype}(0))`,
  reference: (x) => Number(x > 0) - Number(x < 0),
  gradients: ["zero"]
});
var square = unary({
  name: "square",
  wgsl: ([x]) => `${x} * ${x}`,
  reference: (x) => x * x,
  gradients: [(g, [x]) => mul(g, mul(x, 2))]
});
var exp = unary({
  name: "exp",
  takes: floatOnly,
  cost: 8,
  wgsl: ([x]) => `exp(${x})`,
  reference: Math.exp,
  gradients: [(g, _, out) => mul(g, out)]
});
var expm1 = unary({
  name: "expm1",
  takes: floatOnly,
  cost: 12,
  wgsl: ([x]) => `exponential1m(${x})`,
  reference: Math.expm1,
  gradients: [(g, [x]) => mul(g, exp(x))]
});
var log = unary({
  name: "log",
  takes: floatOnly,
  cost: 12,
  wgsl: ([x]) => `logarithm(${x})`,
  reference: Math.log,
  gradients: [(g, [x]) => div(g, x)]
});
var log1p = unary({
  name: "log1p",
  takes: floatOnly,
  cost: 14,
  wgsl: ([x]) => `logarithm1p(${x})`,
  reference: Math.log1p,
  gradients: [(g, [x]) => div(g, add(x, 1))]
});
var sqrt = unary({
  name: "sqrt",
  takes: floatOnly,
  cost: 4,
  wgsl: ([x]) => `squareRoot(${x})`,
  reference: Math.sqrt,
  gradients: [(g, _, out) => div(g, mul(out, 2))]
});
var rsqrt = unary({
  name: "rsqrt",
  takes: floatOnly,
  cost: 5,
  wgsl: ([x]) => `1f / squareRoot(${x})`,
  reference: (x) => 1 / Math.sqrt(x),
  gradients: [(g, [x], out) => mul(g, mul(div(out, x), -0.5))]
});
var powTensor = binary({
  name: "pow",
  takes: floatOnly,
  cost: 24,
  wgsl: ([a2, b]) => `power(${a2}, ${b})`,
  reference: power,
  gradients: [
    (g, [a2, b]) => mul(g, where(eq(b, 0), 0, mul(b, pow(a2, sub(b, 1))))),
    (g, [a2, b], out) => mul(g, where(logicalAnd(eq(a2, 0), greaterEqual(b, 0)), 0, mul(out, log(where(eq(a2, 0), 1, a2)))))
  ]
});
function pow(a2, b) {
  if (a2 instanceof Tensor && typeof b === "number") {
    if (b === 0) return full(a2.shape, 1);
    if (b === 1) return a2;
    if (b === 2) return square(a2);
    if (b === 3) return mul(square(a2), a2);
  }
  return powTensor(a2, b);
}
function power(a2, b) {
  if (a2 === 1 || a2 === -1 && !Number.isFinite(b) && !Number.isNaN(b)) return 1;
  return a2 ** b;
}
var sin = unary({
  name: "sin",
  takes: floatOnly,
  cost: 16,
  wgsl: ([x]) => `sineOf(${x}, 0)`,
  reference: Math.sin,
  gradients: [(g, [x]) => mul(g, cos(x))]
});
var cos = unary({
  name: "cos",
  takes: floatOnly,
  cost: 16,
  wgsl: ([x]) => `sineOf(${x}, 1)`,
  reference: Math.cos,
  gradients: [(g, [x]) => neg(mul(g, sin(x)))]
});
var tanh = unary({
  name: "tanh",
  takes: floatOnly,
  cost: 14,
  wgsl: ([x]) => `hyperbolicTangent(${x})`,
  reference: Math.tanh,
  gradients: [(g, _, out) => mul(g, sub(1, square(out)))]
});
var sigmoid = unary({
  name: "sigmoid",
  takes: floatOnly,
  cost: 10,
  wgsl: ([x]) => `1f / (1f + exp(-${x}))`,
  reference: (x) => 1 / (1 + Math.exp(-x)),
  gradients: [(g, _, out) => mul(g, mul(out, sub(1, out)))]
});
var softplus = unary({
  name: "softplus",
  takes: floatOnly,
  cost: 24,
  wgsl: ([x]) => `logarithm1p(exp(-abs(${x}))) + maximum(${x}, 0f)`,
  reference: (x) => Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0),
  gradients: [(g, [x]) => mul(g, sigmoid(x))]
});
var erf = unary({
  name: "erf",
  takes: floatOnly,
  cost: 24,
  wgsl: ([x]) => `errorFunction(${x})`,
  reference: errorFunction,
  gradients: [(g, [x]) => mul(g, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI)))]
});
var relu = unary({
  name: "relu",
  takes: floatOnly,
  wgsl: ([x]) => `select(${x}, 0f, ${x} <= 0f)`,
  reference: (x) => x <= 0 ? 0 : x,
  gradients: [(g, _, out) => where(greater(out, 0), g, 0)]
});
var maximum = binary({
  name: "maximum",
  wgsl: ([a2, b], dtype) => dtype === "f32" ? `maximum(${a2}, ${b})` : `max(${a2}, ${b})`,
  reference: Math.max,
  gradients: [(g, [a2, b]) => shareOfLarger(g, a2, b), (g, [a2, b]) => shareOfLarger(g, b, a2)]
});
var minimum = binary({
  name: "minimum",
  wgsl: ([a2, b], dtype) => dtype === "f32" ? `minimum(${a2}, ${b})` : `min(${a2}, ${b})`,
  reference: Math.min,
  gradients: [(g, [a2, b]) => shareOfLarger(g, b, a2), (g, [a2, b]) => shareOfLarger(g, a2, b)]
});
function shareOfLarger(g, a2, b) {
  return where(greater(a2, b), g, where(eq(a2, b), mul(g, 0.5), 0));
}
function comparison(name, wgsl, reference2, takes = numeric) {
  return binary({
    name,
    takes,
    gives: "bool",
    wgsl,
    reference: (a2, b) => Number(reference2(a2, b)),
    gradients: ["zero", "zero"]
  });
}
var eq = comparison("eq", ([a2, b]) => `${a2} == ${b}`, (a2, b) => a2 === b, anyDType);
var notEqual = comparison("notEqual", ([a2, b]) => `!(${a2} == ${b})`, (a2, b) => a2 !== b, anyDType);
var greater = comparison("greater", ([a2, b]) => `${a2} > ${b}`, (a2, b) => a2 > b);
var greaterEqual = comparison("greaterEqual", ([a2, b]) => `${a2} >= ${b}`, (a2, b) => a2 >= b);
var less = comparison("less", ([a2, b]) => `${a2} < ${b}`, (a2, b) => a2 < b);
var lessEqual = comparison("lessEqual", ([a2, b]) => `${a2} <= ${b}`, (a2, b) => a2 <= b);
function logical(name, symbol, reference2) {
  return binary({
    name,
    takes: ["bool"],
    wgsl: ([a2, b]) => `${a2} ${symbol} ${b}`,
    reference: reference2,
    gradients: ["zero", "zero"]
  });
}
var logicalAnd = logical("logicalAnd", "&&", (a2, b) => a2 & b);
var logicalOr = logical("logicalOr", "||", (a2, b) => a2 | b);
var logicalXor = logical("logicalXor", "!=", (a2, b) => a2 ^ b);
var logicalNot = unary({
  name: "logicalNot",
  takes: ["bool"],
  wgsl: ([x]) => `!${x}`,
  reference: (x) => 1 - x,
  gradients: ["zero"]
});
var isNan = unary({
  name: "isNan",
  takes: floatOnly,
  gives: "bool",
  wgsl: ([x]) => `isNan(${x})`,
  reference: (x) => Number(Number.isNaN(x)),
  gradients: ["zero"]
});
var select = operationOf({
  name: "where",
  wgsl: ([condition, a2, b]) => `select(${b}, ${a2}, ${condition})`,
  reference: (condition, a2, b) => condition ? a2 : b,
  gradients: ["zero", (g, [condition]) => where(condition, g, 0), (g, [condition]) => where(condition, 0, g)]
});
function where(condition, a2, b) {
  if (condition.dtype !== "bool") {
    throw new TypeError(
      `where: the condition is ${condition.dtype}${formatShape(condition.shape)}, expected bool; compare or cast it.`
    );
  }
  const values = [a2, b].filter((operand) => operand instanceof Tensor);
  const dtype = values[0]?.dtype ?? "f32";
  if (values.some((value) => value.dtype !== dtype)) {
    throw new TypeError(`where: the choices are ${values.map((v) => v.dtype).join(" and ")}; expected one dtype.`);
  }
  const shape = broadcastShapes("where", condition.shape, ...values.map((value) => value.shape));
  const inputs = [condition, a2, b].map((operand, i) => operandTo(operand, shape, i === 0 ? "bool" : dtype));
  return record(select, inputs, shape, dtype);
}
function cast(x, dtype) {
  if (x.dtype === dtype) return x;
  const from = x.dtype;
  const operation = operationOf({
    name: `cast to ${dtype}`,
    wgsl: ([value]) => dtype === "bool" ? `!(${value} == ${from}(0))` : `${dtype}(${value})`,
    reference: (value) => dtype === "bool" ? Number(value !== 0) : dtype === "f32" ? value : Math.trunc(value),
    gradients: [dtype === "f32" ? (g) => g : "none"]
  });
  return record(operation, [x], x.shape, dtype);
}

// ../../work/main/src/engine/autograd.ts
function grad(output, inputs, outputGradient) {
  const wanted = inputs instanceof Tensor ? [inputs] : inputs;
  const gradients = backward(output, wanted, outputGradient ?? ownGradient(output));
  return inputs instanceof Tensor ? gradients[0] : gradients;
}
function ownGradient(output) {
  if (output.size !== 1) {
    throw new ShapeError(
      `grad: the output has shape ${formatShape(output.shape)}; expected a scalar. Reduce it (sum, mean) or pass outputGradient, a tensor of its shape.`
    );
  }
  return full(output.shape, 1);
}
function backward(output, wanted, outputGradient) {
  if (output.dtype !== "f32") {
    throw new TypeError(`grad: the output is ${output.dtype} (from ${output.node.operation.name}); only f32 has gradients.`);
  }
  for (const input of wanted) {
    if (input.dtype !== "f32") {
      throw new TypeError(`grad: an input of shape ${formatShape(input.shape)} is ${input.dtype}; only f32 has gradients.`);
    }
  }
  if (!sameShape(outputGradient.shape, output.shape) || outputGradient.dtype !== "f32") {
    throw new ShapeError(
      `grad: outputGradient is ${outputGradient.dtype}${formatShape(outputGradient.shape)}, expected f32${formatShape(output.shape)} like the output.`
    );
  }
  const path = nodesBetween(output.node, wanted);
  const gradients = /* @__PURE__ */ new Map([[output.node, outputGradient]]);
  for (const node of [...path].reverse()) {
    const handles = node.inputs.map((input) => new Tensor(input));
    const g = gradients.get(node);
    node.inputs.forEach((input, i) => {
      const rule = node.operation.gradients[i];
      if (!path.has(input) || rule === "zero") return;
      if (rule === "none") {
        throw new Error(
          `grad: ${node.operation.name} has no derivative with respect to its input ${i} (${input.dtype}${formatShape(input.shape)}), and the output depends on the input through it. Use detach() to stop the gradient there on purpose.`
        );
      }
      if (g === void 0 || input.dtype !== "f32") return;
      const part = rule(g, handles, new Tensor(node));
      const sum2 = gradients.get(input);
      gradients.set(input, sum2 === void 0 ? part : add(sum2, part));
    });
  }
  return wanted.map((input) => gradients.get(input.node) ?? zeros(input.shape));
}
function nodesBetween(output, wanted) {
  const targets = new Set(wanted.map((input) => input.node));
  const path = /* @__PURE__ */ new Set();
  const seen = /* @__PURE__ */ new Set();
  const stack = [{ node: output, next: 0 }];
  seen.add(output);
  while (stack.length > 0) {
    const frame = stack[stack.length - 1];
    const { node } = frame;
    if (frame.next < node.inputs.length) {
      const i = frame.next++;
      const input = node.inputs[i];
      if (!seen.has(input) && node.operation.gradients[i] !== "zero") {
        seen.add(input);
        stack.push({ node: input, next: 0 });
      }
      continue;
    }
    stack.pop();
    checkNotReplaced(node, wanted);
    const onPath = node.inputs.some((input, i) => path.has(input) && node.operation.gradients[i] !== "zero");
    if (onPath || targets.has(node)) path.add(node);
  }
  return path;
}
function checkNotReplaced(node, wanted) {
  const owner = node.owner?.deref();
  if (owner === void 0 || owner.node === node || !wanted.includes(owner)) return;
  throw new Error(
    `grad: the output was recorded before the last assign to this tensor of shape ${formatShape(node.shape)}. Call grad before the update, or record the output again.`
  );
}

// ../../work/main/src/engine/ops/composed.ts
function softmax(x, dim = -1) {
  const at = normalizeDim("softmax", dim, x.shape);
  const exponentials = exp(sub(x, max(x, at, true).detach()));
  return div(exponentials, sum(exponentials, at, true));
}
function normalizeChannels(x, statistics, affine, epsilon) {
  const along = x.shape.map((size, dim) => dim === 1 ? size : 1);
  const { centered, moved } = centeredOn(statistics.mean, x);
  const deviation = rsqrt(add(statistics.variance, epsilon));
  const scale = affine.weight ? mul(affine.weight, deviation) : deviation;
  const shift = affine.bias ? sub(affine.bias, mul(moved, scale)) : neg(mul(moved, scale));
  return add(mul(centered, reshape(scale, along)), reshape(shift, along));
}
function channelStatistics(x) {
  const others = x.shape.flatMap((_, dim) => dim === 1 ? [] : [dim]);
  const center = mean(x, others);
  const { centered, moved } = centeredOn(center, x);
  return { mean: center, variance: sub(mean(square(centered), others), square(moved)) };
}
function centeredOn(center, x) {
  const constant = center.detach();
  const along = x.shape.map((size, dim) => dim === 1 ? size : 1);
  return { centered: sub(x, reshape(constant, along)), moved: sub(center, constant) };
}
function batchNorm(x, { weight, bias, epsilon = 1e-5 } = {}) {
  if (x.shape.length < 2) {
    throw new ShapeError(`batchNorm: expected [N,C,...], got shape ${formatShape(x.shape)}.`);
  }
  return normalizeChannels(x, channelStatistics(x), { weight, bias }, epsilon);
}

// ../../work/main/src/kernels/gemm.ts
var tile = 64;
function gemm(operation) {
  return (
    /* wgsl */
    `${operation}
// [16 k][16 groups of 4 rows or columns], rows padded to 17 against bank conflicts.
var<workgroup> tileA: array<vec4f, 272>;
var<workgroup> tileB: array<vec4f, 272>;

@compute @workgroup_size(16, 16)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_id) local: vec3u,
  @builtin(local_invocation_index) t: u32,
) {
  let size = extent();
  let tilesM = (size.x + ${tile - 1}u) / ${tile}u;
  let tilesN = (size.y + ${tile - 1}u) / ${tile}u;
  let i = workgroup.x + workgroup.y * workgroups.x;
  if (i >= tilesM * tilesN * size.w) { return; }
  let batch = i / (tilesM * tilesN);
  let m = i / tilesN % tilesM * ${tile}u;
  let n = i % tilesN * ${tile}u;

  // Which 4 values of a tile this invocation fetches: (k, group). Neighbours fetch neighbours in memory.
  let slow = vec2u(t / 16u, t % 16u);
  let contiguous = contiguousInK();
  let a = select(slow, slow.yx, contiguous.x);
  let b = select(slow, slow.yx, contiguous.y);

  var row0 = vec4f();
  var row1 = vec4f();
  var row2 = vec4f();
  var row3 = vec4f();
  for (var k = 0u; k < size.z; k += 16u) {
    tileA[a.x * 17u + a.y] = loadA(batch, m + a.y * 4u, k + a.x);
    tileB[b.x * 17u + b.y] = loadB(batch, k + b.x, n + b.y * 4u);
    workgroupBarrier();
    for (var step = 0u; step < 16u; step++) {
      let A = tileA[step * 17u + local.y];
      let B = tileB[step * 17u + local.x];
      row0 += A.x * B;
      row1 += A.y * B;
      row2 += A.z * B;
      row3 += A.w * B;
    }
    workgroupBarrier();
  }
  let top = m + local.y * 4u;
  let left = n + local.x * 4u;
  store(batch, top, left, row0);
  store(batch, top + 1u, left, row1);
  store(batch, top + 2u, left, row2);
  store(batch, top + 3u, left, row3);
}`
  );
}
function gemmGrid(m, n, batches) {
  return grid(Math.ceil(m / tile) * Math.ceil(n / tile) * batches * workgroupSize);
}

// ../../work/main/src/kernels/conv2d.ts
var conv2dParams = (
  /* wgsl */
  `
struct Params {
  N: u32, C: u32, H: u32, W: u32, K: u32, R: u32, S: u32, P: u32, Q: u32,
  Cg: u32, Kg: u32, groups: u32,
  strideH: u32, strideW: u32, paddingH: u32, paddingW: u32, dilationH: u32, dilationW: u32,
}`
);
function conv2dUniforms(sizes) {
  const { n, c, h, w, k, r, s, p, q, stride, padding, dilation, groups } = sizes;
  return [n, c, h, w, k, r, s, p, q, c / groups, k / groups, groups, ...stride, ...padding, ...dilation];
}
function conv2dFlops({ n, c, k, r, s, p, q, groups }) {
  return 2 * n * k * p * q * (c / groups) * r * s;
}
var declarations = (
  /* wgsl */
  `${conv2dParams}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// Four of the N\xB7P\xB7Q output pixels (those beyond the last repeat it).
// Left of or above the image, u32 wraps to a huge number, so that h < H tests both edges.
struct Pixels {
  h: vec4u, // row of x under r = 0
  w: vec4u,
  x: vec4u, // offset of x[n, 0, h, w]
  output: vec4u, // offset of output[n, 0, p, q]
}

fn pixels(first: u32) -> Pixels {
  let i = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(p.N * p.P * p.Q - 1u));
  let n = i / (p.P * p.Q);
  let P = i / p.Q % p.P;
  let Q = i % p.Q;
  let h = P * p.strideH - p.paddingH;
  let w = Q * p.strideW - p.paddingW;
  return Pixels(h, w, (n * p.C * p.H + h) * p.W + w, (n * p.K * p.P + P) * p.Q + Q);
}

// The output of channel k of the group at the pixels i .. i + 3; repeated pixels are stored again, equal.
fn storeRow(group: u32, k: u32, i: u32, to: vec4u, row: vec4f) {
  if (k >= p.Kg || i >= p.N * p.P * p.Q) { return; }
  let channel = (group * p.Kg + k) * p.P * p.Q;
  output[to.x + channel] = row.x;
  output[to.y + channel] = row.y;
  output[to.z + channel] = row.z;
  output[to.w + channel] = row.w;
}`
);
var direct = (ragged) => (
  /* wgsl */
  `${declarations}
const ragged = ${ragged};

// c, or the last one there is, so that every load stays within its bounds.
fn clamped(c: u32) -> u32 {
  if (!ragged) { return c; }
  return min(c, p.Cg - 1u);
}

// x[n, c, h, w] at four pixels; zero outside the image and beyond the group's channels.
fn loadX(start: vec4u, inside: vec4<bool>, c: u32) -> vec4f {
  let at = start + clamped(c) * p.H * p.W;
  let values = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
  if (!ragged) { return values; }
  return select(vec4f(), values, c < p.Cg);
}

// A column is a channel c, a row a pixel.
fn blockX(start: vec4u, inside: vec4<bool>, c: u32) -> mat4x4f {
  return mat4x4f(
    loadX(start, inside, c),
    loadX(start, inside, c + 1u),
    loadX(start, inside, c + 2u),
    loadX(start, inside, c + 3u),
  );
}

// w[k, c, r, s] of four channels k; zero beyond the group's channels c.
fn loadW(start: vec4u, c: u32) -> vec4f {
  let at = start + clamped(c) * p.R * p.S;
  let values = vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, c < p.Cg);
}

// A column is a channel k, a row a channel c.
fn blockW(start: vec4u, c: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadW(start, c),
    loadW(start, c + 1u),
    loadW(start, c + 2u),
    loadW(start, c + 3u),
  ));
}

fn storeRows(group: u32, k: u32, i: u32, to: vec4u, rows: mat4x4f) {
  storeRow(group, k, i, to, rows[0]);
  storeRow(group, k + 1u, i, to, rows[1]);
  storeRow(group, k + 2u, i, to, rows[2]);
  storeRow(group, k + 3u, i, to, rows[3]);
}
${linearMain}
  let pixelBlocks = (p.N * p.P * p.Q + 7u) / 8u;
  let channelBlocks = (p.Kg + 7u) / 8u;
  if (i >= pixelBlocks * channelBlocks * p.groups) { return; }
  let pixel = i % pixelBlocks * 8u;
  let k = i / pixelBlocks % channelBlocks * 8u;
  let group = i / pixelBlocks / channelBlocks;

  let pixels0 = pixels(pixel);
  let pixels1 = pixels(pixel + 4u);
  let four = vec4u(0u, 1u, 2u, 3u);
  let kernels0 = (group * p.Kg + min(k + four, vec4u(p.Kg - 1u))) * p.Cg * p.R * p.S;
  let kernels1 = (group * p.Kg + min(k + 4u + four, vec4u(p.Kg - 1u))) * p.Cg * p.R * p.S;

  // out[pixels][channels]: a column of the matrix is a channel.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  var r = 0u;
  var s = 0u;
  var c = 0u;
  let steps = p.R * p.S * ((p.Cg + 3u) / 4u);
  for (var step = 0u; step < steps; step++) {
    let h = r * p.dilationH;
    let w = s * p.dilationW;
    let inside0 = (pixels0.h + h < vec4u(p.H)) & (pixels0.w + w < vec4u(p.W));
    let inside1 = (pixels1.h + h < vec4u(p.H)) & (pixels1.w + w < vec4u(p.W));
    let image = group * p.Cg * p.H * p.W;
    let x0 = image + select(vec4u(), pixels0.x + h * p.W + w, inside0);
    let x1 = image + select(vec4u(), pixels1.x + h * p.W + w, inside1);
    let w0 = kernels0 + r * p.S + s;
    let w1 = kernels1 + r * p.S + s;

    let X0 = blockX(x0, inside0, c);
    let X1 = blockX(x1, inside1, c);
    let W0 = blockW(w0, c);
    let W1 = blockW(w1, c);
    out00 += X0 * W0;
    out01 += X0 * W1;
    out10 += X1 * W0;
    out11 += X1 * W1;

    c += 4u;
    if (c >= p.Cg) {
      c = 0u;
      s++;
      if (s == p.S) {
        s = 0u;
        r++;
      }
    }
  }
  storeRows(group, k, pixel, pixels0.output, out00);
  storeRows(group, k + 4u, pixel, pixels0.output, out01);
  storeRows(group, k, pixel + 4u, pixels1.output, out10);
  storeRows(group, k + 4u, pixel + 4u, pixels1.output, out11);
}`
);
var tiled = gemm(
  /* wgsl */
  `${declarations}

fn extent() -> vec4u {
  return vec4u(p.Kg, p.N * p.P * p.Q, p.Cg * p.R * p.S, p.groups);
}

fn contiguousInK() -> vec2<bool> {
  return vec2<bool>(true, false);
}

fn loadA(group: u32, k: u32, crs: u32) -> vec4f {
  let depth = p.Cg * p.R * p.S;
  if (crs >= depth) { return vec4f(); }
  let at = (group * p.Kg + min(k + vec4u(0u, 1u, 2u, 3u), vec4u(p.Kg - 1u))) * depth + crs;
  return vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);
}

fn loadB(group: u32, crs: u32, pixel: u32) -> vec4f {
  if (crs >= p.Cg * p.R * p.S) { return vec4f(); }
  let start = pixels(pixel);
  let c = group * p.Cg + crs / (p.R * p.S);
  let h = crs / p.S % p.R * p.dilationH;
  let w = crs % p.S * p.dilationW;
  let inside = (start.h + h < vec4u(p.H)) & (start.w + w < vec4u(p.W));
  let at = select(vec4u(), start.x + (c * p.H + h) * p.W + w, inside);
  return select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
}

fn store(group: u32, k: u32, pixel: u32, row: vec4f) {
  storeRow(group, k, pixel, pixels(pixel).output, row);
}`
);
function conv2d(variant, sizes) {
  const { n, c, k, p, q, groups } = sizes;
  const pixels = n * p * q;
  const channels = k / groups;
  return {
    name: `conv2d.${variant}`,
    source: variant === "direct" ? direct(c / groups % 4 !== 0) : tiled,
    uniforms: conv2dUniforms(sizes),
    workgroups: variant === "direct" ? grid(Math.ceil(pixels / 8) * Math.ceil(channels / 8) * groups) : gemmGrid(channels, pixels, groups),
    flops: conv2dFlops(sizes)
  };
}

// ../../work/main/src/kernels/conv2d-input-grad.ts
var declarations2 = (
  /* wgsl */
  `${conv2dParams}
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
`
);
var direct2 = (ragged) => (
  /* wgsl */
  `${declarations2}
const ragged = ${ragged};

// Pixels per image and phase, along each axis: the last of them may lie beyond the edge.
fn phaseSize() -> vec2u {
  return (vec2u(p.H, p.W) + vec2u(p.strideH, p.strideW) - 1u) / vec2u(p.strideH, p.strideW);
}

// Four pixels h = row \xB7 strideH + phase.x, w = column \xB7 strideW + phase.y (those beyond the last repeat it).
struct Pixels {
  row: vec4u,
  column: vec4u,
  g: vec4u, // offset of g[n, 0, row, column]
  output: vec4u, // offset of output[n, 0, h, w]
  real: vec4<bool>, // not beyond the edge
}

fn pixels(first: u32, phase: vec2u) -> Pixels {
  let size = phaseSize();
  let i = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(p.N * size.x * size.y - 1u));
  let n = i / (size.x * size.y);
  let row = i / size.y % size.x;
  let column = i % size.y;
  let h = row * p.strideH + phase.x;
  let w = column * p.strideW + phase.y;
  return Pixels(
    row,
    column,
    (n * p.K * p.P + row) * p.Q + column,
    (n * p.C * p.H + h) * p.W + w,
    (h < vec4u(p.H)) & (w < vec4u(p.W)),
  );
}

// The r with r \xB7 dilation \u2261 offset (mod stride): the first, the distance to the next, and how many.
fn taps(offset: u32, stride: u32, dilation: u32, size: u32) -> vec3u {
  var first = 0u;
  while (first < size && first * dilation % stride != offset % stride) { first++; }
  var distance = 1u;
  while (distance * dilation % stride != 0u) { distance++; }
  return vec3u(first, distance, (size - first + distance - 1u) / distance);
}

// k, or the last one there is, so that every load stays within its bounds.
fn clamped(k: u32) -> u32 {
  if (!ragged) { return k; }
  return min(k, p.Kg - 1u);
}

// g[n, k, row, column] at four pixels; zero outside g and beyond the group's channels.
fn loadG(start: vec4u, inside: vec4<bool>, k: u32) -> vec4f {
  let at = start + clamped(k) * p.P * p.Q;
  let values = select(vec4f(), vec4f(g[at.x], g[at.y], g[at.z], g[at.w]), inside);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.Kg);
}

// A column is a channel k, a row a pixel.
fn blockG(start: vec4u, inside: vec4<bool>, k: u32) -> mat4x4f {
  return mat4x4f(
    loadG(start, inside, k),
    loadG(start, inside, k + 1u),
    loadG(start, inside, k + 2u),
    loadG(start, inside, k + 3u),
  );
}

// w[k, c, r, s] of four channels c; zero beyond the group's channels k.
fn loadW(start: vec4u, k: u32) -> vec4f {
  let at = start + clamped(k) * p.Cg * p.R * p.S;
  let values = vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.Kg);
}

// A column is a channel c, a row a channel k.
fn blockW(start: vec4u, k: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadW(start, k),
    loadW(start, k + 1u),
    loadW(start, k + 2u),
    loadW(start, k + 3u),
  ));
}

fn storeRow(group: u32, c: u32, to: Pixels, row: vec4f) {
  if (c >= p.Cg) { return; }
  let channel = (group * p.Cg + c) * p.H * p.W;
  if (to.real.x) { output[to.output.x + channel] = row.x; }
  if (to.real.y) { output[to.output.y + channel] = row.y; }
  if (to.real.z) { output[to.output.z + channel] = row.z; }
  if (to.real.w) { output[to.output.w + channel] = row.w; }
}

fn storeRows(group: u32, c: u32, to: Pixels, rows: mat4x4f) {
  storeRow(group, c, to, rows[0]);
  storeRow(group, c + 1u, to, rows[1]);
  storeRow(group, c + 2u, to, rows[2]);
  storeRow(group, c + 3u, to, rows[3]);
}
${linearMain}
  let size = phaseSize();
  let pixelBlocks = (p.N * size.x * size.y + 7u) / 8u;
  let phases = p.strideH * p.strideW;
  let channelBlocks = (p.Cg + 7u) / 8u;
  if (i >= pixelBlocks * phases * channelBlocks * p.groups) { return; }
  let pixel = i % pixelBlocks * 8u;
  let phase = vec2u(i / pixelBlocks % phases / p.strideW, i / pixelBlocks % p.strideW);
  let c = i / pixelBlocks / phases % channelBlocks * 8u;
  let group = i / pixelBlocks / phases / channelBlocks;

  let pixels0 = pixels(pixel, phase);
  let pixels1 = pixels(pixel + 4u, phase);
  let four = vec4u(0u, 1u, 2u, 3u);
  let kernels0 = (group * p.Kg * p.Cg + min(c + four, vec4u(p.Cg - 1u))) * p.R * p.S;
  let kernels1 = (group * p.Kg * p.Cg + min(c + 4u + four, vec4u(p.Cg - 1u))) * p.R * p.S;

  // Under tap r, row i of the phase reads row i + up of g; the next tap reads lessUp rows above that.
  let tapsR = taps(phase.x + p.paddingH, p.strideH, p.dilationH, p.R);
  let tapsS = taps(phase.y + p.paddingW, p.strideW, p.dilationW, p.S);
  let firstUp = (i32(phase.x + p.paddingH) - i32(tapsR.x * p.dilationH)) / i32(p.strideH);
  let firstLeft = (i32(phase.y + p.paddingW) - i32(tapsS.x * p.dilationW)) / i32(p.strideW);
  let lessUp = tapsR.y * p.dilationH / p.strideH;
  let lessLeft = tapsS.y * p.dilationW / p.strideW;

  // out[pixels][channels]: a column of the matrix is a channel.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  var r = tapsR.x;
  var s = tapsS.x;
  var up = u32(firstUp);
  var left = u32(firstLeft);
  var k = 0u;
  let steps = tapsR.z * tapsS.z * ((p.Kg + 3u) / 4u);
  for (var step = 0u; step < steps; step++) {
    // Above or left of g, u32 wraps to a huge number, so that one comparison tests both edges.
    let inside0 = (pixels0.row + up < vec4u(p.P)) & (pixels0.column + left < vec4u(p.Q));
    let inside1 = (pixels1.row + up < vec4u(p.P)) & (pixels1.column + left < vec4u(p.Q));
    let image = group * p.Kg * p.P * p.Q;
    let g0 = image + select(vec4u(), pixels0.g + up * p.Q + left, inside0);
    let g1 = image + select(vec4u(), pixels1.g + up * p.Q + left, inside1);
    let w0 = kernels0 + r * p.S + s;
    let w1 = kernels1 + r * p.S + s;

    let G0 = blockG(g0, inside0, k);
    let G1 = blockG(g1, inside1, k);
    let W0 = blockW(w0, k);
    let W1 = blockW(w1, k);
    out00 += G0 * W0;
    out01 += G0 * W1;
    out10 += G1 * W0;
    out11 += G1 * W1;

    k += 4u;
    if (k >= p.Kg) {
      k = 0u;
      s += tapsS.y;
      left -= lessLeft;
      if (s >= p.S) {
        s = tapsS.x;
        left = u32(firstLeft);
        r += tapsR.y;
        up -= lessUp;
      }
    }
  }
  storeRows(group, c, pixels0, out00);
  storeRows(group, c + 4u, pixels0, out01);
  storeRows(group, c, pixels1, out10);
  storeRows(group, c + 4u, pixels1, out11);
}`
);
var tiled2 = gemm(
  /* wgsl */
  `${declarations2}
fn extent() -> vec4u {
  return vec4u(p.Cg, p.N * p.H * p.W, p.Kg * p.R * p.S, p.groups);
}

fn contiguousInK() -> vec2<bool> {
  return vec2<bool>(true, false);
}

fn loadA(group: u32, c: u32, krs: u32) -> vec4f {
  let RS = p.R * p.S;
  if (krs >= p.Kg * RS) { return vec4f(); }
  let channel = min(c + vec4u(0u, 1u, 2u, 3u), vec4u(p.Cg - 1u));
  let at = ((group * p.Kg + krs / RS) * p.Cg + channel) * RS + krs % RS;
  return vec4f(w[at.x], w[at.y], w[at.z], w[at.w]);
}

fn loadB(group: u32, krs: u32, pixel: u32) -> vec4f {
  if (krs >= p.Kg * p.R * p.S) { return vec4f(); }
  let i = min(pixel + vec4u(0u, 1u, 2u, 3u), vec4u(p.N * p.H * p.W - 1u));
  let n = i / (p.H * p.W);
  let k = group * p.Kg + krs / (p.R * p.S);
  // Above or left of g, u32 wraps to a huge number, so that one comparison tests both edges.
  let up = i / p.W % p.H + p.paddingH - krs / p.S % p.R * p.dilationH;
  let left = i % p.W + p.paddingW - krs % p.S * p.dilationW;
  let row = up / p.strideH;
  let column = left / p.strideW;
  let exact = (row * p.strideH == up) & (column * p.strideW == left);
  let inside = (row < vec4u(p.P)) & (column < vec4u(p.Q)) & exact;
  let at = select(vec4u(), ((n * p.K + k) * p.P + row) * p.Q + column, inside);
  return select(vec4f(), vec4f(g[at.x], g[at.y], g[at.z], g[at.w]), inside);
}

fn store(group: u32, c: u32, pixel: u32, row: vec4f) {
  let HW = p.H * p.W;
  if (c >= p.Cg) { return; }
  let to = (group * p.Cg + c) * HW;
  for (var j = 0u; j < 4u; j++) {
    let i = pixel + j;
    if (i < p.N * HW) { output[i / HW * p.C * HW + to + i % HW] = row[j]; }
  }
}`
);
function conv2dInputGrad(variant, sizes) {
  const { n, c, h, w, k, stride, groups } = sizes;
  const channels = c / groups;
  const phasePixels = n * Math.ceil(h / stride[0]) * Math.ceil(w / stride[1]);
  const pixelBlocks = Math.ceil(phasePixels / 8) * stride[0] * stride[1];
  return {
    name: `conv2dInputGrad.${variant}`,
    source: variant === "direct" ? direct2(k / groups % 4 !== 0) : tiled2,
    uniforms: conv2dUniforms(sizes),
    workgroups: variant === "direct" ? grid(pixelBlocks * Math.ceil(channels / 8) * groups) : gemmGrid(channels, n * h * w, groups),
    flops: conv2dFlops(sizes)
  };
}

// ../../work/main/src/kernels/conv2d-weight-grad.ts
var declarations3 = (
  /* wgsl */
  `${conv2dParams}
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;

// Four of the (C / groups)\xB7R\xB7S weights of a channel k (those beyond the last repeat it).
// Left of or above the image, u32 wraps to a huge number, so that h < H tests both edges.
struct Weights {
  h: vec4u, // row of x under p = 0
  w: vec4u,
  x: vec4u, // offset of x[0, c, h, w]
}

fn weights(group: u32, first: u32) -> Weights {
  let i = min(first + vec4u(0u, 1u, 2u, 3u), vec4u(p.Cg * p.R * p.S - 1u));
  let c = group * p.Cg + i / (p.R * p.S);
  let h = i / p.S % p.R * p.dilationH - p.paddingH;
  let w = i % p.S * p.dilationW - p.paddingW;
  return Weights(h, w, (c * p.H + h) * p.W + w);
}

// The output of channel k of the group at the weights crs .. crs + 3.
fn storeRow(group: u32, k: u32, crs: u32, row: vec4f) {
  let count = p.Cg * p.R * p.S;
  if (k >= p.Kg || crs >= count) { return; }
  let start = (group * p.Kg + k) * count + crs;
  output[start] = row.x;
  if (crs + 1u < count) { output[start + 1u] = row.y; }
  if (crs + 2u < count) { output[start + 2u] = row.z; }
  if (crs + 3u < count) { output[start + 3u] = row.w; }
}`
);
var directSize = 8;
var direct3 = (ragged) => (
  /* wgsl */
  `${declarations3}
const ragged = ${ragged};

// n, or the last one there is, so that every load stays within its bounds.
fn clamped(n: u32) -> u32 {
  if (!ragged) { return n; }
  return min(n, p.N - 1u);
}

// g[n, k, p, q] of four channels k; zero beyond N.
fn loadG(start: vec4u, n: u32) -> vec4f {
  let at = start + clamped(n) * p.K * p.P * p.Q;
  let values = vec4f(g[at.x], g[at.y], g[at.z], g[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, n < p.N);
}

// A column is a channel k, a row an image n.
fn blockG(start: vec4u, n: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadG(start, n),
    loadG(start, n + 1u),
    loadG(start, n + 2u),
    loadG(start, n + 3u),
  ));
}

// x[n, c, h, w] under four weights (c, r, s); zero outside the image and beyond N.
fn loadX(start: vec4u, inside: vec4<bool>, n: u32) -> vec4f {
  let at = start + clamped(n) * p.C * p.H * p.W;
  let values = select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
  if (!ragged) { return values; }
  return select(vec4f(), values, n < p.N);
}

// A column is an image n, a row a weight.
fn blockX(start: vec4u, inside: vec4<bool>, n: u32) -> mat4x4f {
  return mat4x4f(
    loadX(start, inside, n),
    loadX(start, inside, n + 1u),
    loadX(start, inside, n + 2u),
    loadX(start, inside, n + 3u),
  );
}

fn storeRows(group: u32, k: u32, crs: u32, rows: mat4x4f) {
  storeRow(group, k, crs, rows[0]);
  storeRow(group, k + 1u, crs, rows[1]);
  storeRow(group, k + 2u, crs, rows[2]);
  storeRow(group, k + 3u, crs, rows[3]);
}

@compute @workgroup_size(${directSize})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${directSize}u;
  let weightBlocks = (p.Cg * p.R * p.S + 7u) / 8u;
  let channelBlocks = (p.Kg + 7u) / 8u;
  if (i >= weightBlocks * channelBlocks * p.groups) { return; }
  let crs = i % weightBlocks * 8u;
  let k = i / weightBlocks % channelBlocks * 8u;
  let group = i / weightBlocks / channelBlocks;

  let weights0 = weights(group, crs);
  let weights1 = weights(group, crs + 4u);
  let PQ = p.P * p.Q;
  let four = vec4u(0u, 1u, 2u, 3u);
  let channels0 = (group * p.Kg + min(k + four, vec4u(p.Kg - 1u))) * PQ;
  let channels1 = (group * p.Kg + min(k + 4u + four, vec4u(p.Kg - 1u))) * PQ;

  // out[channels][weights]: a column of the matrix is a channel.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  var n = 0u;
  var P = 0u;
  var Q = 0u;
  let steps = (p.N + 3u) / 4u * PQ;
  for (var step = 0u; step < steps; step++) {
    let h = P * p.strideH;
    let w = Q * p.strideW;
    let inside0 = (weights0.h + h < vec4u(p.H)) & (weights0.w + w < vec4u(p.W));
    let inside1 = (weights1.h + h < vec4u(p.H)) & (weights1.w + w < vec4u(p.W));
    let x0 = select(vec4u(), weights0.x + h * p.W + w, inside0);
    let x1 = select(vec4u(), weights1.x + h * p.W + w, inside1);
    let g0 = channels0 + P * p.Q + Q;
    let g1 = channels1 + P * p.Q + Q;

    let X0 = blockX(x0, inside0, n);
    let X1 = blockX(x1, inside1, n);
    let G0 = blockG(g0, n);
    let G1 = blockG(g1, n);
    out00 += X0 * G0;
    out01 += X1 * G0;
    out10 += X0 * G1;
    out11 += X1 * G1;

    Q++;
    if (Q == p.Q) {
      Q = 0u;
      P++;
      if (P == p.P) {
        P = 0u;
        n += 4u;
      }
    }
  }
  storeRows(group, k, crs, out00);
  storeRows(group, k, crs + 4u, out01);
  storeRows(group, k + 4u, crs, out10);
  storeRows(group, k + 4u, crs + 4u, out11);
}`
);
var tiled3 = gemm(
  /* wgsl */
  `${declarations3}

fn extent() -> vec4u {
  return vec4u(p.Kg, p.Cg * p.R * p.S, p.N * p.P * p.Q, p.groups);
}

fn contiguousInK() -> vec2<bool> {
  return vec2<bool>(true, true);
}

fn loadA(group: u32, k: u32, pixel: u32) -> vec4f {
  let PQ = p.P * p.Q;
  if (pixel >= p.N * PQ) { return vec4f(); }
  let channel = group * p.Kg + min(k + vec4u(0u, 1u, 2u, 3u), vec4u(p.Kg - 1u));
  let at = (pixel / PQ * p.K + channel) * PQ + pixel % PQ;
  return vec4f(g[at.x], g[at.y], g[at.z], g[at.w]);
}

fn loadB(group: u32, pixel: u32, crs: u32) -> vec4f {
  let PQ = p.P * p.Q;
  if (pixel >= p.N * PQ) { return vec4f(); }
  let start = weights(group, crs);
  let h = pixel / p.Q % p.P * p.strideH;
  let w = pixel % p.Q * p.strideW;
  let inside = (start.h + h < vec4u(p.H)) & (start.w + w < vec4u(p.W));
  let at = select(vec4u(), start.x + (pixel / PQ * p.C * p.H + h) * p.W + w, inside);
  return select(vec4f(), vec4f(x[at.x], x[at.y], x[at.z], x[at.w]), inside);
}

fn store(group: u32, k: u32, crs: u32, row: vec4f) {
  storeRow(group, k, crs, row);
}`
);
function conv2dWeightGrad(variant, sizes) {
  const { n, c, k, r, s, groups } = sizes;
  const channels = k / groups;
  const weights = c / groups * r * s;
  const blocks = Math.ceil(channels / 8) * Math.ceil(weights / 8) * groups;
  return {
    name: `conv2dWeightGrad.${variant}`,
    source: variant === "direct" ? direct3(n % 4 !== 0) : tiled3,
    uniforms: conv2dUniforms(sizes),
    workgroups: variant === "direct" ? grid(Math.ceil(blocks / directSize) * workgroupSize) : gemmGrid(channels, weights, groups),
    flops: conv2dFlops(sizes)
  };
}

// ../../work/main/src/engine/ops/conv2d.ts
function conv2d2(x, w, options = {}) {
  return forward(x, w, sizesOf(x, w, options));
}
function forward(x, w, sizes) {
  return record(forwardOperation(sizes), [x, w], [sizes.n, sizes.k, sizes.p, sizes.q], "f32");
}
function inputGrad(g, w, sizes) {
  return record(inputGradOperation(sizes), [g, w], [sizes.n, sizes.c, sizes.h, sizes.w], "f32");
}
function weightGrad(g, x, sizes) {
  return record(weightGradOperation(sizes), [g, x], [sizes.k, sizes.c / sizes.groups, sizes.r, sizes.s], "f32");
}
function forwardOperation(sizes) {
  return convolution(
    "conv2d",
    sizes,
    [(g, [, w]) => inputGrad(g, w, sizes), (g, [x]) => weightGrad(g, x, sizes)],
    sizes.n * sizes.k * sizes.p * sizes.q,
    (y, x, w) => forEachProduct(sizes, (yAt, xAt, wAt) => void (y[yAt] += x[xAt] * w[wAt])),
    (adapter) => conv2d(variantFor(adapter), sizes)
  );
}
function inputGradOperation(sizes) {
  return convolution(
    "conv2dInputGrad",
    sizes,
    [(gg, [, w]) => forward(gg, w, sizes), (gg, [g]) => weightGrad(g, gg, sizes)],
    sizes.n * sizes.c * sizes.h * sizes.w,
    (x, g, w) => forEachProduct(sizes, (yAt, xAt, wAt) => void (x[xAt] += g[yAt] * w[wAt])),
    (adapter) => conv2dInputGrad(variantFor(adapter), sizes)
  );
}
function weightGradOperation(sizes) {
  return convolution(
    "conv2dWeightGrad",
    sizes,
    [(gg, [, x]) => forward(x, gg, sizes), (gg, [g]) => inputGrad(g, gg, sizes)],
    sizes.k * sizes.c * sizes.r * sizes.s / sizes.groups,
    (w, g, x) => forEachProduct(sizes, (yAt, xAt, wAt) => void (w[wAt] += g[yAt] * x[xAt])),
    (adapter) => conv2dWeightGrad(variantFor(adapter), sizes)
  );
}
function convolution(name, sizes, gradients, size, accumulate, kernel) {
  return {
    name,
    key: `${name}(${Object.values(sizes).join()})`,
    gradients,
    reference: ([a2, b]) => {
      const out = referenceArray("f32", size);
      accumulate(out, a2, b);
      return out;
    },
    lowering: { kind: "kernel", kernel: (_, adapter) => kernel(adapter) }
  };
}
function variantFor(adapter) {
  return adapter === "software" ? "direct" : "tiled";
}
function forEachProduct(sizes, visit) {
  const { n, c, h, w, k, r, s, p, q, stride, padding, dilation, groups } = sizes;
  const channels = c / groups;
  const filters = k / groups;
  for (let nI = 0; nI < n; nI++) {
    for (let kI = 0; kI < k; kI++) {
      const firstChannel = Math.floor(kI / filters) * channels;
      for (let cI = 0; cI < channels; cI++) {
        for (let rI = 0; rI < r; rI++) {
          for (let sI = 0; sI < s; sI++) {
            const wAt = ((kI * channels + cI) * r + rI) * s + sI;
            for (let pI = 0; pI < p; pI++) {
              const hI = pI * stride[0] - padding[0] + rI * dilation[0];
              if (hI < 0 || hI >= h) continue;
              const xRow = ((nI * c + firstChannel + cI) * h + hI) * w;
              const yRow = ((nI * k + kI) * p + pI) * q;
              for (let qI = 0; qI < q; qI++) {
                const wI = qI * stride[1] - padding[1] + sI * dilation[1];
                if (wI >= 0 && wI < w) visit(yRow + qI, xRow + wI, wAt);
              }
            }
          }
        }
      }
    }
  }
}
function pair(name, value, least) {
  const both = typeof value === "number" ? [value, value] : value;
  if (both.length !== 2 || both.some((v) => !Number.isInteger(v) || v < least)) {
    throw new ShapeError(`conv2d: ${name} is ${JSON.stringify(value)}; expected one or two whole numbers >= ${least}.`);
  }
  return both;
}
function sizesOf(x, filter, options) {
  const stride = pair("stride", options.stride ?? 1, 1);
  const padding = pair("padding", options.padding ?? 0, 0);
  const dilation = pair("dilation", options.dilation ?? 1, 1);
  const groups = options.groups ?? 1;
  const shapes = `input ${x.dtype}${formatShape(x.shape)}, filter ${filter.dtype}${formatShape(filter.shape)}`;
  if (x.shape.length !== 4 || filter.shape.length !== 4 || x.dtype !== "f32" || filter.dtype !== "f32") {
    throw new ShapeError(`conv2d: expected f32 input [N,C,H,W] and filter [K,C/groups,R,S], got ${shapes}.`);
  }
  const [n, c, h, w] = x.shape;
  const [k, channels, r, s] = filter.shape;
  if (!Number.isInteger(groups) || groups < 1 || c !== channels * groups || k % groups !== 0) {
    throw new ShapeError(
      `conv2d: ${shapes}, groups ${groups}: expected the filter's second size to be C/groups and K divisible by groups.`
    );
  }
  const outputSize = (size, filterSize, dim) => Math.floor((size + 2 * padding[dim] - dilation[dim] * (filterSize - 1) - 1) / stride[dim]) + 1;
  const p = outputSize(h, r, 0);
  const q = outputSize(w, s, 1);
  if (p < 1 || q < 1 || r < 1 || s < 1) {
    throw new ShapeError(
      `conv2d: ${shapes}: the filter does not fit the padded image (padding ${padding}, dilation ${dilation}); the output would be ${p} x ${q}.`
    );
  }
  return { n, c, h, w, k, r, s, p, q, stride, padding, dilation, groups };
}

// ../../work/main/src/kernels/matmul.ts
var declarations4 = (
  /* wgsl */
  `
struct Params {
  batches: u32, M: u32, N: u32, K: u32,
  strideA: u32, strideAm: u32, strideAk: u32,
  strideB: u32, strideBk: u32, strideBn: u32,
}
@group(0) @binding(0) var<storage, read> A: array<f32>;
@group(0) @binding(1) var<storage, read> B: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> p: Params;
`
);
var direct4 = (ragged) => (
  /* wgsl */
  `${declarations4}
const ragged = ${ragged};

// k, or the last one there is, so that every load stays within its bounds.
fn clamped(k: u32) -> u32 {
  if (!ragged) { return k; }
  return min(k, p.K - 1u);
}

// A[m, k] of four rows m; zero beyond K.
fn loadA(rows: vec4u, k: u32) -> vec4f {
  let at = rows + clamped(k) * p.strideAk;
  let values = vec4f(A[at.x], A[at.y], A[at.z], A[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.K);
}

// A[m, k .. k + 3]: a column is a row m.
fn blockA(rows: vec4u, k: u32) -> mat4x4f {
  return transpose(mat4x4f(
    loadA(rows, k),
    loadA(rows, k + 1u),
    loadA(rows, k + 2u),
    loadA(rows, k + 3u),
  ));
}

fn loadB(columns: vec4u, k: u32) -> vec4f {
  let at = columns + clamped(k) * p.strideBk;
  let values = vec4f(B[at.x], B[at.y], B[at.z], B[at.w]);
  if (!ragged) { return values; }
  return select(vec4f(), values, k < p.K);
}

// B[k .. k + 3, n]: a column is a step k.
fn blockB(columns: vec4u, k: u32) -> mat4x4f {
  return mat4x4f(
    loadB(columns, k),
    loadB(columns, k + 1u),
    loadB(columns, k + 2u),
    loadB(columns, k + 3u),
  );
}

fn storeRow(batch: u32, m: u32, n: u32, row: vec4f) {
  if (m >= p.M || n >= p.N) { return; }
  let start = (batch * p.M + m) * p.N + n;
  output[start] = row.x;
  if (n + 1u < p.N) { output[start + 1u] = row.y; }
  if (n + 2u < p.N) { output[start + 2u] = row.z; }
  if (n + 3u < p.N) { output[start + 3u] = row.w; }
}

fn storeRows(batch: u32, m: u32, n: u32, rows: mat4x4f) {
  storeRow(batch, m, n, rows[0]);
  storeRow(batch, m + 1u, n, rows[1]);
  storeRow(batch, m + 2u, n, rows[2]);
  storeRow(batch, m + 3u, n, rows[3]);
}
${linearMain}
  let blocksM = (p.M + 7u) / 8u;
  let blocksN = (p.N + 7u) / 8u;
  if (i >= p.batches * blocksM * blocksN) { return; }
  let batch = i / (blocksM * blocksN);
  let m = i / blocksN % blocksM * 8u;
  let n = i % blocksN * 8u;

  // Rows and columns beyond the edge repeat the last one, and are not stored.
  let four = vec4u(0u, 1u, 2u, 3u);
  let rows0 = batch * p.strideA + min(m + four, vec4u(p.M - 1u)) * p.strideAm;
  let rows1 = batch * p.strideA + min(m + 4u + four, vec4u(p.M - 1u)) * p.strideAm;
  let columns0 = batch * p.strideB + min(n + four, vec4u(p.N - 1u)) * p.strideBn;
  let columns1 = batch * p.strideB + min(n + 4u + four, vec4u(p.N - 1u)) * p.strideBn;

  // out[rows][columns]: a column of the matrix is a row of the output.
  var out00 = mat4x4f();
  var out01 = mat4x4f();
  var out10 = mat4x4f();
  var out11 = mat4x4f();
  for (var k = 0u; k < p.K; k += 4u) {
    let A0 = blockA(rows0, k);
    let A1 = blockA(rows1, k);
    let B0 = blockB(columns0, k);
    let B1 = blockB(columns1, k);
    out00 += B0 * A0;
    out01 += B1 * A0;
    out10 += B0 * A1;
    out11 += B1 * A1;
  }
  storeRows(batch, m, n, out00);
  storeRows(batch, m, n + 4u, out01);
  storeRows(batch, m + 4u, n, out10);
  storeRows(batch, m + 4u, n + 4u, out11);
}`
);
var tiled4 = gemm(
  /* wgsl */
  `${declarations4}
fn extent() -> vec4u {
  return vec4u(p.M, p.N, p.K, p.batches);
}

fn contiguousInK() -> vec2<bool> {
  return vec2<bool>(p.strideAk == 1u, p.strideBk == 1u);
}

fn loadA(batch: u32, m: u32, k: u32) -> vec4f {
  if (k >= p.K) { return vec4f(); }
  let row = min(m + vec4u(0u, 1u, 2u, 3u), vec4u(p.M - 1u));
  let offset = batch * p.strideA + row * p.strideAm + k * p.strideAk;
  return vec4f(A[offset.x], A[offset.y], A[offset.z], A[offset.w]);
}

fn loadB(batch: u32, k: u32, n: u32) -> vec4f {
  if (k >= p.K) { return vec4f(); }
  let column = min(n + vec4u(0u, 1u, 2u, 3u), vec4u(p.N - 1u));
  let offset = batch * p.strideB + k * p.strideBk + column * p.strideBn;
  return vec4f(B[offset.x], B[offset.y], B[offset.z], B[offset.w]);
}

fn store(batch: u32, m: u32, n: u32, row: vec4f) {
  if (m >= p.M || n >= p.N) { return; }
  let start = (batch * p.M + m) * p.N + n;
  output[start] = row.x;
  if (n + 1u < p.N) { output[start + 1u] = row.y; }
  if (n + 2u < p.N) { output[start + 2u] = row.z; }
  if (n + 3u < p.N) { output[start + 3u] = row.w; }
}`
);
function matmul(variant, sizes) {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = sizes;
  const aStrides = transposeA ? [1, m] : [k, 1];
  const bStrides = transposeB ? [1, k] : [n, 1];
  return {
    name: `matmul.${variant}`,
    source: variant === "direct" ? direct4(k % 4 !== 0) : tiled4,
    uniforms: [batch, m, n, k, strideA, ...aStrides, strideB, ...bStrides],
    workgroups: variant === "direct" ? grid(batch * Math.ceil(m / 8) * Math.ceil(n / 8)) : gemmGrid(m, n, batch),
    flops: 2 * batch * m * n * k
  };
}

// ../../work/main/src/engine/ops/matmul.ts
function matmul2(a2, b) {
  for (const x of [a2, b]) {
    if (x.dtype !== "f32" || x.shape.length < 2) {
      throw new ShapeError(
        `matmul: expected f32 tensors of two dims or more, got ${a2.dtype}${formatShape(a2.shape)} and ${b.dtype}${formatShape(b.shape)}.`
      );
    }
  }
  const [m, k] = a2.shape.slice(-2);
  const [k2, n] = b.shape.slice(-2);
  if (k !== k2) {
    throw new ShapeError(
      `matmul: ${formatShape(a2.shape)} x ${formatShape(b.shape)}: the last size of the first, ${k}, must equal the second-to-last of the second, ${k2}.`
    );
  }
  if (b.shape.length === 2) {
    const rows = reshape(a2, [sizeOf(a2.shape.slice(0, -1)), k]);
    return reshape(product(rows, b, false, false), [...a2.shape.slice(0, -1), n]);
  }
  const batch = broadcastShapes("matmul", a2.shape.slice(0, -2), b.shape.slice(0, -2));
  return reshape(product(asBatch(a2, batch), asBatch(b, batch), false, false), [...batch, m, n]);
}
function asBatch(x, batch) {
  const matrix = x.shape.slice(-2);
  if (sizeOf(x.shape.slice(0, -2)) === 1) return reshape(x, [1, ...matrix]);
  return reshape(expand(x, [...batch, ...matrix]), [sizeOf(batch), ...matrix]);
}
function product(a2, b, transposeA, transposeB) {
  const batch = a2.shape.length === 2 ? [] : [a2.shape[0] === 1 ? b.shape[0] : a2.shape[0]];
  const [m, k] = transposeA ? swapped(a2.shape.slice(-2)) : a2.shape.slice(-2);
  const [n] = transposeB ? b.shape.slice(-2) : b.shape.slice(-1);
  return record(operationFor(transposeA, transposeB, k), [a2, b], [...batch, m, n], "f32");
}
function swapped([rows, columns]) {
  return [columns, rows];
}
function operationFor(transposeA, transposeB, k) {
  return {
    name: "matmul",
    key: `matmul(${Number(transposeA)},${Number(transposeB)},${k})`,
    gradients: [
      (g, [a2, b]) => summedToBatch(transposeA ? product(b, g, transposeB, true) : product(g, b, false, !transposeB), a2),
      (g, [a2, b]) => summedToBatch(transposeB ? product(g, a2, true, transposeA) : product(a2, g, !transposeA, false), b)
    ],
    reference: ([a2, b], entry) => multiply(a2, b, sizesOf2(entry, transposeA, transposeB, k), entry),
    lowering: {
      kind: "kernel",
      kernel: (entry, adapter) => matmul(adapter === "software" ? "direct" : "tiled", sizesOf2(entry, transposeA, transposeB, k)),
      withTransposed: (input) => input === 0 ? operationFor(!transposeA, transposeB, k) : operationFor(transposeA, !transposeB, k)
    }
  };
}
function summedToBatch(x, matrix) {
  return x.shape.length === 2 || x.shape[0] === matrix.shape[0] ? x : sum(x, 0, true);
}
function sizesOf2(entry, transposeA, transposeB, k) {
  const [m, n] = entry.shape.slice(-2);
  const batch = sizeOf(entry.shape.slice(0, -2));
  const [a2, b] = entry.inputShapes;
  const single = ({ length, 0: first }) => length === 2 || first === 1;
  return {
    batch,
    m,
    n,
    k,
    transposeA,
    transposeB,
    strideA: single(a2) ? 0 : m * k,
    strideB: single(b) ? 0 : k * n
  };
}
function multiply(a2, b, sizes, entry) {
  const { batch, m, n, k, transposeA, transposeB, strideA, strideB } = sizes;
  const out = referenceArray("f32", sizeOf(entry.shape));
  for (let z = 0; z < batch; z++) {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let total = 0;
        for (let i = 0; i < k; i++) {
          const left = a2[z * strideA + (transposeA ? i * m + row : row * k + i)];
          const right = b[z * strideB + (transposeB ? column * k + i : i * n + column)];
          total += left * right;
        }
        out[(z * m + row) * n + column] = total;
      }
    }
  }
  return out;
}

// ../../work/main/src/kernels/max-pool2d.ts
var params = (
  /* wgsl */
  `
struct Params {
  planes: u32, H: u32, W: u32, P: u32, Q: u32, R: u32, S: u32,
  strideH: u32, strideW: u32, paddingH: u32, paddingW: u32,
}`
);
function uniforms({ planes, h, w, p, q, window, stride, padding }) {
  return [planes, h, w, p, q, ...window, ...stride, ...padding];
}
function maxPool2dIndex(sizes) {
  const { planes, p, q, window } = sizes;
  return {
    name: "maxPool2dIndex",
    source: (
      /* wgsl */
      `${params}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<i32>;
@group(0) @binding(2) var<uniform> size: Params;
fn isNan(v: f32) -> bool { return (bitcast<u32>(v) & 0x7fffffffu) > 0x7f800000u; }
${linearMain}
  let perPlane = size.P * size.Q;
  if (i >= size.planes * perPlane) { return; }
  let plane = i / perPlane;
  let p = (i % perPlane) / size.Q;
  let q = i % size.Q;
  var best = 0f;
  var at = -1;
  for (var r = 0u; r < size.R; r++) {
    let h = p * size.strideH + r - size.paddingH;      // wraps to a huge number above the image
    for (var s = 0u; s < size.S; s++) {
      let w = q * size.strideW + s - size.paddingW;
      if (h >= size.H || w >= size.W) { continue; }
      let v = x[(plane * size.H + h) * size.W + w];
      if (at < 0 || v > best || isNan(v)) { best = v; at = i32(h * size.W + w); }
    }
  }
  output[i] = at;
}`
    ),
    uniforms: uniforms(sizes),
    workgroups: grid(planes * p * q),
    flops: planes * p * q * window[0] * window[1]
  };
}
function maxPool2dFetch(sizes) {
  const { planes, p, q } = sizes;
  return {
    name: "maxPool2dFetch",
    source: (
      /* wgsl */
      `${params}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> size: Params;
${linearMain}
  let perPlane = size.P * size.Q;
  if (i >= size.planes * perPlane) { return; }
  output[i] = x[(i / perPlane) * size.H * size.W + u32(index[i])];
}`
    ),
    uniforms: uniforms(sizes),
    workgroups: grid(planes * p * q),
    flops: 0
  };
}
function maxPool2dScatter(sizes) {
  const { planes, h, w, window, stride } = sizes;
  const windows = Math.ceil(window[0] / stride[0]) * Math.ceil(window[1] / stride[1]);
  return {
    name: "maxPool2dScatter",
    source: (
      /* wgsl */
      `${params}
@group(0) @binding(0) var<storage, read> g: array<f32>;
@group(0) @binding(1) var<storage, read> index: array<i32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
@group(0) @binding(3) var<uniform> size: Params;
// The first window along one dim that covers a padded position.
fn firstWindow(position: u32, window: u32, stride: u32) -> u32 {
  return select((position - window) / stride + 1u, 0u, position < window);
}
${linearMain}
  let perPlane = size.H * size.W;
  if (i >= size.planes * perPlane) { return; }
  let plane = i / perPlane;
  let position = i % perPlane;
  let h = position / size.W + size.paddingH;
  let w = position % size.W + size.paddingW;
  var total = 0f;
  for (var p = firstWindow(h, size.R, size.strideH); p < size.P && p * size.strideH <= h; p++) {
    for (var q = firstWindow(w, size.S, size.strideW); q < size.Q && q * size.strideW <= w; q++) {
      let at = (plane * size.P + p) * size.Q + q;
      if (u32(index[at]) == position) { total += g[at]; }
    }
  }
  output[i] = total;
}`
    ),
    uniforms: uniforms(sizes),
    workgroups: grid(planes * h * w),
    flops: planes * h * w * windows
  };
}

// ../../work/main/src/engine/ops/pooling.ts
function maxPool2d(x, window, options = {}) {
  const sizes = sizesOf3("maxPool2d", x, window, options);
  const index = record(indexOperation(sizes), [x], [...x.shape.slice(0, 2), sizes.p, sizes.q], "i32");
  return fetch(x, index, sizes);
}
function fetch(x, index, sizes) {
  const operation = {
    name: "maxPool2dFetch",
    key: keyOf("maxPool2dFetch", sizes),
    gradients: [(g, [, at]) => scatter(g, at, sizes), "zero"],
    reference: ([values, at], entry) => referenceArray("f32", at.length).map((_, i) => values[Math.floor(i / (sizes.p * sizes.q)) * planeOf(entry.inputShapes[0]) + at[i]]),
    lowering: { kind: "kernel", kernel: () => maxPool2dFetch(sizes) }
  };
  return record(operation, [x, index], index.shape, "f32");
}
function scatter(g, index, sizes) {
  const operation = {
    name: "maxPool2dScatter",
    key: keyOf("maxPool2dScatter", sizes),
    gradients: [(gg, [, at]) => fetch(gg, at, sizes), "zero"],
    reference: ([values, at]) => {
      const out = referenceArray("f32", sizes.planes * sizes.h * sizes.w);
      values.forEach((value, i) => {
        out[Math.floor(i / (sizes.p * sizes.q)) * sizes.h * sizes.w + at[i]] += value;
      });
      return out;
    },
    lowering: { kind: "kernel", kernel: () => maxPool2dScatter(sizes) }
  };
  return record(operation, [g, index], [...g.shape.slice(0, 2), sizes.h, sizes.w], "f32");
}
function indexOperation(sizes) {
  return {
    name: "maxPool2dIndex",
    key: keyOf("maxPool2dIndex", sizes),
    gradients: ["zero"],
    reference: ([x]) => {
      const { planes, h, w, p, q, window, stride, padding } = sizes;
      const out = referenceArray("i32", planes * p * q);
      for (let i = 0; i < out.length; i++) {
        const plane = Math.floor(i / (p * q)) * h * w;
        const top = Math.floor(i / q) % p * stride[0] - padding[0];
        const left = i % q * stride[1] - padding[1];
        let best = Number.NaN;
        let at = -1;
        for (let row = Math.max(0, top); row < Math.min(h, top + window[0]); row++) {
          for (let column = Math.max(0, left); column < Math.min(w, left + window[1]); column++) {
            const value = x[plane + row * w + column];
            if (at >= 0 && !(value > best) && !Number.isNaN(value)) continue;
            best = value;
            at = row * w + column;
          }
        }
        out[i] = at;
      }
      return out;
    },
    lowering: { kind: "kernel", kernel: () => maxPool2dIndex(sizes) }
  };
}
function keyOf(name, sizes) {
  return `${name}(${Object.values(sizes).join()})`;
}
function planeOf(shape) {
  return shape[2] * shape[3];
}
function checkImage(name, x) {
  if (x.shape.length !== 4 || x.dtype !== "f32") {
    throw new ShapeError(`${name}: expected an f32 tensor [N,C,H,W], got ${x.dtype}${formatShape(x.shape)}.`);
  }
}
function pair2(name, what, value, least) {
  const both = typeof value === "number" ? [value, value] : value;
  if (both.length !== 2 || both.some((v) => !Number.isInteger(v) || v < least)) {
    throw new ShapeError(`${name}: ${what} is ${JSON.stringify(value)}; expected one or two whole numbers >= ${least}.`);
  }
  return both;
}
function sizesOf3(name, x, windowSize, options) {
  checkImage(name, x);
  const window = pair2(name, "window", windowSize, 1);
  const stride = pair2(name, "stride", options.stride ?? window, 1);
  const padding = pair2(name, "padding", options.padding ?? 0, 0);
  if (padding.some((amount2, dim) => amount2 > window[dim] / 2)) {
    throw new ShapeError(`${name}: padding ${padding} is more than half of the window ${window}.`);
  }
  const [n, c, h, w] = x.shape;
  const p = Math.floor((h + 2 * padding[0] - window[0]) / stride[0]) + 1;
  const q = Math.floor((w + 2 * padding[1] - window[1]) / stride[1]) + 1;
  if (p < 1 || q < 1) {
    throw new ShapeError(`${name}: a window of ${window.join(" x ")} does not fit ${formatShape(x.shape)}.`);
  }
  return { planes: n * c, h, w, p, q, window, stride, padding };
}

// ../../work/main/src/engine/ops/random.ts
function createGenerator(seed, stream = 0) {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`createGenerator: the seed is ${seed}; expected a whole number from 0 to 2^53 - 1.`);
  }
  return { state: tensor(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32), stream, 0)) };
}
function randomBits(generator, shape) {
  checkShape("random", shape);
  const { state } = generator;
  const bits = record(philoxOperation, [state], [...shape], "u32");
  assign(state, add(state, tensor(Uint32Array.of(0, 0, 0, 1))));
  return bits;
}
var philoxOperation = {
  name: "randomBits",
  key: "randomBits",
  gradients: ["zero"],
  reference: ([state], entry) => {
    const out = referenceArray("u32", sizeOf(entry.shape));
    for (let block = 0; block * 4 < out.length; block++) {
      const words = philox([block, 0, state[3], state[2]], [state[0], state[1]]);
      for (let lane = 0; lane < 4 && block * 4 + lane < out.length; lane++) out[block * 4 + lane] = words[lane];
    }
    return out;
  },
  lowering: {
    kind: "inline",
    cost: 60,
    emit: (emitter, index) => {
      const [low, high, stream, draw] = [0, 1, 2, 3].map((i) => emitter.input(0, emitter.linear([4], `${i}u`)));
      const words = emitter.define(
        `philox(vec4u(${index.position} >> 2u, 0u, ${draw}, ${stream}), vec2u(${low}, ${high}))`
      );
      return `${words}[${index.position} & 3u]`;
    }
  }
};
function philox(counter, key) {
  let [a2, b, c, d] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const first = BigInt(a2 >>> 0) * 0xd2511f53n;
    const second = BigInt(c >>> 0) * 0xcd9e8d57n;
    [a2, b, c, d] = [
      Number(second >> 32n) ^ b ^ k0,
      Number(second & 0xffffffffn),
      Number(first >> 32n) ^ d ^ k1,
      Number(first & 0xffffffffn)
    ].map((word) => word >>> 0);
    k0 = k0 + 2654435769 >>> 0;
    k1 = k1 + 3144134277 >>> 0;
  }
  return [a2, b, c, d];
}
function uniform(generator, shape, low = 0, high = 1) {
  const bits = randomBits(generator, shape);
  const unit = mul(cast(shiftRight8(bits), "f32"), 2 ** -24);
  return low === 0 && high === 1 ? unit : add(mul(unit, high - low), low);
}
var shiftOperation = {
  name: "shiftRight8",
  key: "shiftRight8",
  gradients: ["zero"],
  reference: ([bits]) => bits.map((word) => word >>> 8),
  lowering: { kind: "inline", cost: 1, emit: (emitter, index) => `${emitter.input(0, index)} >> 8u` }
};
function shiftRight8(bits) {
  return record(shiftOperation, [bits], bits.shape, "u32");
}
function normal(generator, shape, mean2 = 0, deviation = 1) {
  const pairs = uniform(generator, [2, ...shape]);
  const u = sub(1, reshape(slice(pairs, 0, 0, 1), shape));
  const v = reshape(slice(pairs, 0, 1, 2), shape);
  const standard = mul(sqrt(mul(log(u), -2)), cos(mul(v, 2 * Math.PI)));
  return mean2 === 0 && deviation === 1 ? standard : add(mul(standard, deviation), mean2);
}
function permutation(generator, count) {
  const keys = randomBits(generator, [count]);
  const positions = arange(count, "i32");
  const [a2, b] = [reshape(keys, [count, 1]), reshape(keys, [1, count])];
  const [i, j] = [reshape(positions, [count, 1]), reshape(positions, [1, count])];
  const before = logicalOr(greater(a2, b), logicalAnd(eq(a2, b), greater(i, j)));
  return sum(cast(before, "i32"), 1);
}

// ../../work/main/src/engine/run.ts
async function explain(tensor2, options = {}) {
  const nodes = tapeOf(tensor2.node);
  const names = new Map(nodes.map((node, at) => [node, `%${at}`]));
  const lines = nodes.map((node) => {
    const inputs = node.inputs.map((input) => names.get(input)).join(", ");
    return `${(names.get(node) ?? "").padStart(5)} = ${node.operation.key} ${inputs}`.trimEnd().padEnd(44) + ` ${node.dtype}[${node.shape}]`;
  });
  const plan = (await currentDevice()).explain(buildGraph([tensor2.node]), options);
  return [`tape: ${nodes.length} nodes`, ...lines, plan].join("\n");
}
function tapeOf(output) {
  const found = /* @__PURE__ */ new Set([output]);
  for (const node of found) for (const input of node.inputs) found.add(input);
  return [...found].sort((a2, b) => a2.id - b.id);
}

// ../../work/main/src/engine/node.ts
import { existsSync as existsSync2 } from "node:fs";
import { join as join2 } from "node:path";

// ../../work/main/src/engine/swiftshader.ts
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants, tmpdir } from "node:os";
import { basename, dirname, join, sep } from "node:path";
import { brotliDecompressSync } from "node:zlib";
var loaderFile = "libvulkan.so.1";
var driverFile = "vk_swiftshader_icd.json";
var swiftShaderFiles = [loaderFile, "libvk_swiftshader.so", driverFile];
function openVulkanLoader(path = loaderFile) {
  const flags = constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL | 4096;
  try {
    process.dlopen({ exports: {} }, path, flags);
    return true;
  } catch (error) {
    return String(error).includes("self-register");
  }
}
function openSwiftShader() {
  if (process.platform !== "linux" || process.arch !== "x64") {
    const here = `${process.platform}-${process.arch}`;
    throw new Error(
      `The packaged SwiftShader is for linux-x64, this is ${here}: install a driver of the system.`
    );
  }
  const archive = archivePath();
  const folder = unpackSwiftShader(archive, cacheFolders(archive));
  if (!openVulkanLoader(join(folder, loaderFile))) {
    throw new Error(
      `The packaged Vulkan loader in ${folder} cannot be opened: is the folder mounted noexec?`
    );
  }
  return join(folder, driverFile);
}
function archivePath() {
  try {
    const require2 = createRequire(import.meta.url);
    return join(dirname(require2.resolve("@sparticuz/chromium")), "..", "bin", "swiftshader.tar.br");
  } catch {
    throw new Error(
      "The package @sparticuz/chromium is not installed: run `npm install @sparticuz/chromium`."
    );
  }
}
function cacheFolders(archive) {
  const modules = archive.slice(0, archive.lastIndexOf(join(sep, "@sparticuz", sep)));
  return [join(modules, ".cache", "regrad"), join(tmpdir(), `regrad-${process.getuid?.()}`)];
}
function unpackSwiftShader(archive, folders) {
  const files = readArchive(archive);
  const failures = [];
  for (const folder of folders) {
    try {
      claimFolder(folder);
      for (const [name, bytes] of files) putFile(join(folder, name), bytes);
      return folder;
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new Error(
    `SwiftShader cannot be unpacked anywhere (${failures.join("; ")}): make one of them writable.`
  );
}
function readArchive(archive) {
  try {
    const entries = readTar(brotliDecompressSync(readFileSync(archive)));
    return swiftShaderFiles.map((name) => {
      const bytes = entries.get(name);
      if (bytes === void 0) throw new Error(`it does not hold ${name}`);
      return [name, bytes];
    });
  } catch (error) {
    throw new Error(
      `${archive} cannot be used (${messageOf(error)}): install the package @sparticuz/chromium anew.`
    );
  }
}
function readTar(tar) {
  const text = (start, end) => tar.toString("latin1", start, end).replace(/\0.*/s, "");
  const entries = /* @__PURE__ */ new Map();
  for (let at = 0; at < tar.length && tar[at] !== 0; ) {
    const start = at + 512;
    const size = Number.parseInt(text(at + 124, at + 136), 8);
    if (!(start + size <= tar.length)) throw new Error("the archive is cut off");
    entries.set(basename(text(at, at + 100)), tar.subarray(start, start + size));
    at = start + Math.ceil(size / 512) * 512;
  }
  return entries;
}
function claimFolder(folder) {
  mkdirSync(folder, { recursive: true, mode: 493 });
  const { uid } = lstatSync(folder);
  if (uid !== 0 && uid !== process.getuid?.()) throw new Error(`${folder} belongs to another user`);
}
function putFile(path, bytes) {
  if (existsSync(path) && readFileSync(path).equals(bytes)) return;
  const temporary = `${path}.${process.pid}`;
  try {
    writeFileSync(temporary, bytes);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

// ../../work/main/src/engine/node.ts
var adapterChoices = ["auto", "hardware", "software", "reference"];
var dawnOptions = ["disable-dawn-features=timestamp_quantization"];
var softwareNames = ["llvmpipe", "SwiftShader", "Microsoft Basic Render"];
var livingGpus = [];
async function requestNodeAdapter(choice = parseAdapterChoice(process.env.REGRAD_ADAPTER || "auto", "REGRAD_ADAPTER")) {
  if (choice === "reference") return reference("The reference executor was asked for.");
  try {
    return await findAdapter(choice);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (choice === "auto") return reference(reason);
    throw new Error(`The adapter '${choice}' was asked for, but: ${reason} Or ask for 'auto'.`);
  }
}
function parseAdapterChoice(text, where2) {
  const choice = adapterChoices.find((name) => name === text);
  if (choice) return choice;
  throw new Error(`${where2} is '${text}', but it must be one of ${adapterChoices.join(", ")}.`);
}
async function requestNodeDevice(choice) {
  const result = await requestNodeAdapter(choice);
  const { kind, adapter, name } = result;
  if (kind === "reference" || !adapter) return { device: new ReferenceDevice(), adapter: result };
  return { device: await createGpuDevice(adapter, { name, adapterClass: kind }), adapter: result };
}
function describeAdapter({ kind, name, driver, source, reason }) {
  const what = kind === "reference" ? "adapter: the reference executor (float64, no GPU)" : `adapter: ${name} (${kind}, ${driver || "driver unnamed"}, ${source} driver)`;
  return reason ? `${what}. ${reason}` : what;
}
setDeviceProvider(async () => {
  const { device, adapter } = await requestNodeDevice();
  console.warn(`regrad: ${describeAdapter(adapter)}`);
  return device;
});
function reference(reason) {
  return { kind: "reference", name: "reference", driver: "none", source: "none", reason };
}
async function findAdapter(choice) {
  const dawn = await importDawn();
  Object.assign(globalThis, dawn.globals);
  const system = systemMayAnswer() ? await requestSystem(dawn.create, choice) : void 0;
  if (system) return system;
  if (choice === "hardware") {
    throw new Error(
      "No GPU was found. Install the Vulkan driver of its maker (`vulkaninfo --summary` must list the GPU)."
    );
  }
  const adapter = await request(dawn.create, dawnOptions, openSwiftShader());
  if (!adapter) throw new Error("The packaged SwiftShader gave no adapter: call from the main thread.");
  const lacking = choice === "software" ? "no software driver" : "neither a GPU nor a software driver";
  return describe2(adapter, "packaged", `The system offers ${lacking} to Vulkan.`);
}
async function importDawn() {
  try {
    return await import("webgpu");
  } catch (error) {
    const detail = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
    throw new Error(`The optional package webgpu cannot be loaded (${detail}): run \`npm install webgpu\`.`);
  }
}
async function requestSystem(create, choice) {
  const best = await request(create, dawnOptions);
  if (!best) return void 0;
  const software = isSoftwareAdapter(best.info);
  if (!software && choice !== "software") return describe2(best, "system");
  if (software && choice === "hardware") return void 0;
  if (software) return describe2(best, "system", "The system offers no GPU to Vulkan.");
  for (const name of softwareNames) {
    const named = await request(create, [...dawnOptions, `adapter=${name}`]).catch(() => null);
    if (named) return describe2(named, "system");
  }
  return void 0;
}
async function request(create, options, driverFile2) {
  const before = process.env.VK_DRIVER_FILES;
  if (driverFile2) process.env.VK_DRIVER_FILES = driverFile2;
  try {
    const gpu = create(options);
    livingGpus.push(gpu);
    return gpu.requestAdapter({ powerPreference: "high-performance" });
  } finally {
    if (before === void 0) delete process.env.VK_DRIVER_FILES;
    else process.env.VK_DRIVER_FILES = before;
  }
}
function describe2(adapter, source, reason) {
  const { info } = adapter;
  const kind = isSoftwareAdapter(info) ? "software" : "hardware";
  return { kind, adapter, name: adapterName(info), driver: info.description, source, reason };
}
var systemLoader;
function systemMayAnswer() {
  if (process.platform !== "linux") return true;
  systemLoader ??= openVulkanLoader();
  if (systemLoader) return true;
  const listed = driversAreListed();
  if (listed) openSwiftShader();
  return listed;
}
function driversAreListed() {
  const { VK_DRIVER_FILES, VK_ICD_FILENAMES, VK_ADD_DRIVER_FILES, XDG_DATA_DIRS } = process.env;
  if (VK_DRIVER_FILES || VK_ICD_FILENAMES || VK_ADD_DRIVER_FILES) return true;
  const folders = [
    "/etc",
    "/usr/local/etc",
    "/usr/local/share",
    "/usr/share",
    ...XDG_DATA_DIRS?.split(":") ?? []
  ];
  return folders.some((folder) => existsSync2(join2(folder, "vulkan", "icd.d")));
}

// ../t1.ts
async function go(device) {
  setDevice(device);
  const x = tensor([[1, 2, 3], [4, 5, 6]]);
  const w = tensor([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]]);
  const y = matmul2(x, w);
  console.log("mm", await y.data());
  const loss = mean(square(tanh(y)));
  const [gx, gw] = grad(loss, [x, w]);
  const pen = sum(square(gw));
  const g2 = grad(pen, w);
  console.log(await loss.item(), await gw.data(), await g2.data());
  console.log("softmax", await softmax(tensor([[1, 2, 3], [1, 1, 1]])).data());
  const img = tensor(Float32Array.from({ length: 2 * 3 * 7 * 5 }, (_, i) => Math.sin(i)), { shape: [2, 3, 7, 5] });
  const k = tensor(Float32Array.from({ length: 4 * 3 * 9 }, (_, i) => Math.cos(i)), { shape: [4, 3, 3, 3] });
  const c = conv2d2(img, k, { stride: 2, padding: 1 });
  const l2 = sum(square(maxPool2d(relu(batchNorm(c)), 2)));
  const gk = grad(l2, k);
  const gg = grad(sum(square(gk)), k);
  console.log("conv", await l2.item(), (await gk.data()).slice(0, 4), (await gg.data()).slice(0, 4));
  const gen = createGenerator(42);
  console.log("rand", await normal(gen, [5]).data(), await permutation(gen, 6).data(), await gen.state.data());
  console.log(device.counters(), device.memory());
}
await go(new ReferenceDevice());
var a = await requestNodeAdapter("auto");
console.log(a.kind, a.name);
await go(await createGpuDevice(a.adapter, { name: a.name, adapterClass: "software" }));
console.log(await explain(grad(sum(tanh(tensor([1, 2, 3]))), tensor([1, 2, 3])), { wgsl: true }));
