/**
 * Where an element is, as WGSL text: its number in memory, or one coordinate per dim. Either form is derived from the
 * other when first asked for, so chains that never look at coordinates never divide.
 */
import { type Shape, stridesOf } from '../shape.ts';

interface IndexWriter {
  define(expression: string): string;
  size(value: number): string;
}

interface Forms {
  /** At least one of the two ways of saying where. */
  readonly position?: () => string;
  readonly coordinates?: () => readonly string[];
  /** Two indices into one shape with equal keys are the same place. */
  readonly key: string;
}

export class Index {
  readonly shape: Shape;
  readonly key: string;
  readonly #writer: IndexWriter;
  readonly #forms: Forms;
  #position: string | undefined;
  #coordinates: readonly string[] | undefined;

  constructor(writer: IndexWriter, shape: Shape, forms: Forms) {
    this.#writer = writer;
    this.#forms = forms;
    this.shape = shape;
    this.key = forms.key;
  }

  /** The element's number in memory: sum of coordinate * stride. */
  get position(): string {
    this.#position ??= this.#forms.position?.() ?? this.#linearize(this.coordinates);
    return this.#position;
  }

  /** One WGSL expression per dim; '0u' for dims of size 1. */
  get coordinates(): readonly string[] {
    this.#coordinates ??= this.#forms.coordinates?.() ?? this.#split(this.position);
    return this.#coordinates;
  }

  /** The same element for another shape of the same memory. */
  reshaped(shape: Shape): Index {
    return new Index(this.#writer, shape, { position: () => this.position, key: this.position });
  }

  #linearize(coordinates: readonly string[]): string {
    const strides = stridesOf(this.shape);
    const terms = coordinates.flatMap((coordinate, dim) => {
      if (coordinate === '0u') return [];
      return strides[dim] === 1 ? [coordinate] : [`${coordinate} * ${this.#writer.size(strides[dim])}`];
    });
    if (terms.length === 0) return '0u';
    return this.#writer.define(terms.join(' + '));
  }

  #split(position: string): string[] {
    const writer = this.#writer;
    const wide = this.shape.flatMap((length, dim) => (length === 1 ? [] : [dim]));
    const coordinates = this.shape.map(() => '0u');
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
}
