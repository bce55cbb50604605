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
  const readers = new Map<Buffer, Launch[]>();
  /** For each launch, how many of its inputs are not computed yet. */
  const missing = new Map<Launch, number>();
  const produced = new Set(launches.flatMap(({ outputs }) => outputs));
  for (const launch of launches) {
    const inputs = new Set(launch.inputs);
    missing.set(launch, [...inputs].filter((input) => produced.has(input)).length);
    for (const input of inputs) {
      const list = readers.get(input);
      if (list) list.push(launch);
      else readers.set(input, [launch]);
    }
  }

  const done = new Set<Launch>();
  const waiting = (buffer: Buffer): Launch[] =>
    (readers.get(buffer) ?? []).filter((reader) => !done.has(reader));
  const bytesOf = (buffers: readonly Buffer[]): number =>
    buffers.reduce((total, { place, bytes }) => total + (place ? 0 : bytes), 0);
  const frees = ({ inputs, outputs }: Launch): boolean => {
    const freed = [...new Set(inputs)].filter((input) => waiting(input).length === 1);
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
      for (const output of launch.outputs) {
        for (const reader of readers.get(output) ?? []) missing.set(reader, (missing.get(reader) ?? 0) - 1);
      }
      // Whoever got an input, or became the last reader of one, may free something now.
      const touched = [...launch.outputs, ...launch.inputs].flatMap(waiting);
      queue.push(...touched.filter((reader) => missing.get(reader) === 0));
    }
  }
  return order;
}
