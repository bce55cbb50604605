/**
 * Writes the WGSL of a fused kernel: the value of an entry at an index, descending through entries that have no buffer
 * of their own. Equal expressions become one `let`.
 */
import type { DType } from '../dtype.ts';
import type { Shape } from '../shape.ts';
import type { Fusion } from './fuse.ts';
import type { GraphEntry } from './graph.ts';
import { Index } from './index-expression.ts';
import type { InlineEmitter } from './lowering.ts';

/** WGSL type of an element in a buffer. */
const storedType = { f32: 'f32', i32: 'i32', u32: 'u32', bool: 'u32' } as const;

/**
 * Numbers that formulas are written with stay literals; others travel by uniform and share the kernel's text. So does 0:
 * adapters turn x * 0 into 0 even for NaN and infinity, and WGSL refuses 1 / 0.
 */
const literalNumbers = new Set([1, -1, 2, -2, 0.5, -0.5]);

export class Emitter {
  readonly #entries: readonly GraphEntry[];
  readonly #fusion: Pick<Fusion, 'stored' | 'base'>;
  /** Entries that the kernel reads from buffers, in binding order. */
  readonly reads: number[] = [];
  readonly uniforms: number[] = [];
  readonly #uniform: string;
  readonly #uniformNames = new Map<string, string>();
  #lines: string[] = [];
  #names = new Map<string, string>();
  #values = new Map<string, string>();
  /** For the result of arithmetic: what it was made of, as far as arithmetic alone leads back. */
  readonly #parts = new Map<string, ReadonlySet<string>>();
  #nameCount = 0;

  /** `uniform`: the WGSL name of an array of vec4u that holds what goes by uniform. */
  constructor(entries: readonly GraphEntry[], fusion: Pick<Fusion, 'stored' | 'base'>, uniform = 'p') {
    this.#entries = entries;
    this.#fusion = fusion;
    this.#uniform = uniform;
  }

  /** The element of `entry` at `index`: a load where the entry is stored, else its expression. */
  value(entry: number, index: Index): string {
    const { stored, base } = this.#fusion;
    const key = stored[entry] ? `${base[entry]}[${index.position}]` : `${entry}@${index.key}`;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const name = stored[entry] ? this.#load(base[entry], index.position) : this.#expression(entry, index);
    this.#values.set(key, name);
    return name;
  }

  /** The element of an entry that this kernel stores, written out; from here on known wherever it is asked for. */
  result(entry: number, index: Index): string {
    const name = this.#expression(entry, index);
    this.know(entry, index, name);
    return name;
  }

  /** From here on the element of `entry` at `index` goes by `name`. */
  know(entry: number, index: Index, name: string): void {
    this.#values.set(`${entry}[${index.position}]`, name);
  }

  #expression(entry: number, index: Index): string {
    const { operation, inputs, ...rest } = this.#entries[entry];
    if (operation.lowering.kind !== 'inline') {
      throw new Error(`${operation.name} was to be fused, but it is not an expression.`);
    }
    const arithmetic = operation.lowering.arithmetic && rest.dtype === 'f32';
    const operands = arithmetic && this.#apart(inputs.map((input) => this.value(input, index)));
    const view: InlineEmitter = {
      input: (input, at) => (operands ? operands[input] : this.value(inputs[input], at)),
      define: (expression) => this.define(expression),
      size: (value) => this.size(value),
      constant: (value, dtype) => this.constant(value, dtype),
      at: (shape, coordinates) => this.at(shape, coordinates),
      linear: (shape, position) => this.linear(shape, position),
    };
    const name = this.define(operation.lowering.emit(view, index, { operation, ...rest }));
    if (operands) this.#parts.set(name, new Set(operands.flatMap((operand) => [...this.#partsOf(operand)])));
    return name;
  }

  /**
   * The operands of an arithmetic operation, such that no driver sees them as related. Drivers take x - x for 0 and
   * a * b / b for a, which is wrong for NaN, infinity, and where the first step overflows or rounds. So where two operands
   * have a part in common, one goes through an exclusive or with a zero that only the uniforms know: the one that was
   * computed, as the other may have been made opaque before, in what it is computed from.
   */
  #apart(operands: readonly string[]): readonly string[] {
    const [first, second] = operands.map((operand) => this.#partsOf(operand));
    if (!second || ![...second].some((part) => first.has(part))) return operands;
    const at = this.#parts.has(operands[0]) ? 0 : 1;
    const opaque = this.define(`bitcast<f32>(bitcast<u32>(${operands[at]}) ^ ${this.#word(0)})`);
    return operands.with(at, opaque);
  }

  #partsOf(name: string): ReadonlySet<string> {
    return this.#parts.get(name) ?? new Set([isLiteral(name) ? 'literal' : name]);
  }

  define(expression: string): string {
    if (/^\w+$|^[\w.]+\[\d+\]\.\w$/.test(expression) || isLiteral(expression)) return expression;
    let name = this.#names.get(expression);
    if (name === undefined) {
      name = `v${this.#nameCount++}`;
      this.#names.set(expression, name);
      this.#lines.push(`let ${name} = ${expression};`);
    }
    return name;
  }

  size(value: number): string {
    return value === 1 ? '1u' : this.#word(value >>> 0);
  }

  /** A count that a loop or a guard compares with: always by uniform, even if small. */
  bound(value: number): string {
    return this.#word(value >>> 0);
  }

  constant(value: number, dtype: DType): string {
    if (dtype === 'bool') return value ? 'true' : 'false';
    if (dtype === 'u32') return `${value >>> 0}u`;
    if (dtype === 'i32') return value === -(2 ** 31) ? 'i32(-2147483647 - 1)' : `${value | 0}i`;
    if (literalNumbers.has(value) && !Object.is(value, -0)) return value < 0 ? `(${value}f)` : `${value}f`;
    return `bitcast<f32>(${this.#word(wordOf(value))})`;
  }

  at(shape: Shape, coordinates: readonly string[]): Index {
    return new Index(this, shape, { coordinates: () => coordinates, key: coordinates.join() });
  }

  linear(shape: Shape, position: string): Index {
    return new Index(this, shape, { position: () => position, key: position });
  }

  /** An index into `shape` whose dims were merged into runs: `whole` knows the position, each counter its own dims. */
  composite(
    shape: Shape,
    whole: Index,
    runs: readonly { readonly dims: readonly number[] }[],
    counters: readonly string[],
  ): Index {
    return new Index(this, shape, {
      position: () => whole.position,
      coordinates: () => {
        const coordinates = shape.map(() => '0u');
        runs.forEach(({ dims }, i) => {
          const own = this.linear(
            dims.map((dim) => shape[dim]),
            counters[i],
          ).coordinates;
          dims.forEach((dim, k) => {
            coordinates[dim] = own[k];
          });
        });
        return coordinates;
      },
      key: counters.join(),
    });
  }

  /** Runs `body` and returns the lines that it wrote; its names are not visible outside (a loop's body). */
  block(body: () => void): string[] {
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

  write(line: string): void {
    this.#lines.push(line);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Declarations, from binding number `first` on, of the buffers read and of the outputs. */
  bindings(first: number, outputs: readonly DType[]): string {
    const read = this.reads.map(
      (entry, i) => `<storage, read> in${i}: array<${storedType[this.#entries[entry].dtype]}>`,
    );
    const written = outputs.map((dtype, i) => `<storage, read_write> out${i}: array<${storedType[dtype]}>`);
    return [...read, ...written]
      .map((variable, i) => `@group(0) @binding(${first + i}) var${variable};`)
      .join('\n');
  }

  /** The WGSL type of the uniforms. */
  get uniformType(): string {
    return `array<vec4u, ${Math.ceil(this.uniforms.length / 4)}>`;
  }

  #word(word: number): string {
    const key = String(word);
    let name = this.#uniformNames.get(key);
    if (name === undefined) {
      const at = this.uniforms.push(word) - 1;
      name = `${this.#uniform}[${at >> 2}].${'xyzw'[at & 3]}`;
      this.#uniformNames.set(key, name);
    }
    return name;
  }

  #load(entry: number, position: string): string {
    let binding = this.reads.indexOf(entry);
    if (binding < 0) binding = this.reads.push(entry) - 1;
    const element = `in${binding}[${position}]`;
    return this.define(this.#entries[entry].dtype === 'bool' ? `${element} != 0u` : element);
  }
}

function isLiteral(expression: string): boolean {
  return /^\(?-?[\d.]+f\)?$/.test(expression);
}

function wordOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}
