/** The order of launches: as recorded, but what frees memory runs as soon as it can. */

/** Something with a size, and a place of its own if it is not an intermediate. */
export interface Stored {
  readonly place?: unknown;
  readonly bytes: number;
}

export interface Scheduled<Buffer extends Stored> {
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
}

/**
 * Launches in an order in which everything is computed before it is read. A launch that takes no more memory than it
 * frees runs as soon as its inputs are there: a weight gradient, say, right after the gradient that it reads, which
 * would otherwise lie about until the backward pass is over.
 */
export function schedule<Buffer extends Stored, Launch extends Scheduled<Buffer>>(
  launches: readonly Launch[],
): Launch[] {
  /** For each buffer, the launches that have still to read it. */
  const readers = new Map<Buffer, Set<Launch>>();
  /** For each launch, how many of its inputs are not computed yet. */
  const missing = new Map<Launch, number>();
  const produced = new Set(launches.flatMap(({ outputs }) => outputs));
  const readersOf = (buffer: Buffer): ReadonlySet<Launch> => readers.get(buffer) ?? new Set();
  for (const launch of launches) {
    const inputs = new Set(launch.inputs);
    missing.set(launch, [...inputs].filter((input) => produced.has(input)).length);
    for (const input of inputs) {
      const list = readers.get(input);
      if (list) list.add(launch);
      else readers.set(input, new Set([launch]));
    }
  }

  const done = new Set<Launch>();
  const bytesOf = (buffers: readonly Buffer[]): number =>
    buffers.reduce((total, { place, bytes }) => total + (place ? 0 : bytes), 0);
  const frees = ({ inputs, outputs }: Launch): boolean => {
    const freed = [...new Set(inputs)].filter((input) => readersOf(input).size === 1);
    return bytesOf(freed) >= bytesOf(outputs);
  };

  const order: Launch[] = [];
  for (const next of launches) {
    const queue = [next];
    for (let at = 0; at < queue.length; at++) {
      const launch = queue[at];
      if (done.has(launch) || (launch !== next && !frees(launch))) continue;
      done.add(launch);
      order.push(launch);
      for (const input of launch.inputs) readers.get(input)?.delete(launch);
      for (const output of launch.outputs) {
        for (const reader of readersOf(output)) missing.set(reader, (missing.get(reader) ?? 0) - 1);
      }
      // Whoever got an input, or became the last reader of one, may free something now.
      const touched = [
        ...launch.outputs.map(readersOf),
        ...launch.inputs.map(readersOf).filter(({ size }) => size === 1),
      ];
      for (const list of touched)
        for (const reader of list) if (missing.get(reader) === 0) queue.push(reader);
    }
  }
  return order;
}
