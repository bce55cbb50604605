/** Sampling a time until it can be trusted, and what is then said of the samples. */

/** What n samples say, in the samples' unit. */
export interface Summary {
  readonly n: number;
  readonly median: number;
  /** First and third quartile: half of the samples lie between them. */
  readonly lower: number;
  readonly upper: number;
  readonly fastest: number;
  readonly slowest: number;
}

export interface Budget {
  /** Time to spend on the samples that count; the warm-up may take half as much again. */
  readonly seconds: number;
  /** Samples to take even if they cost more, though not more than `patience` times as much. */
  readonly least: number;
  /** What is sampled has run just now, so that every sample counts. */
  readonly warm?: boolean;
}

/** Samples at most, however short they are. */
const most = 1000;

/** Where this many times the budget is spent, even a single sample has to do: `n` tells. */
const patience = 5;

/** Two runs in a row that differ by no more than this share count as stable. */
const steady = 0.1;

/**
 * Runs `sample`, which returns milliseconds by name, until it is warm, and then as often as the budget allows.
 *
 * Warm is the second run at the earliest, when two in a row took about the same time, and at the latest when half of
 * the budget is spent. A run longer than `patience` budgets is the only one.
 */
export async function collect<Times extends { readonly wall: number }>(
  sample: () => Promise<Times>,
  { seconds, least, warm = false }: Budget,
): Promise<Times[]> {
  const first = warm ? undefined : await sample();
  if (first && first.wall > 1000 * patience * seconds) return [first];
  if (first) await warmUp(async () => (await sample()).wall, first.wall, seconds / 2);
  const samples: Times[] = [];
  const start = performance.now();
  const spent = () => (performance.now() - start) / 1000 / seconds;
  do samples.push(await sample());
  while (samples.length < least ? spent() < patience : spent() < 1 && samples.length < most);
  return samples;
}

async function warmUp(time: () => Promise<number>, first: number, seconds: number): Promise<void> {
  const end = performance.now() + 1000 * seconds;
  let last = first;
  for (;;) {
    const next = await time();
    if (Math.abs(next - last) <= steady * Math.min(next, last) || performance.now() >= end) return;
    last = next;
  }
}

/** Throws if there is no sample. */
export function summarize(samples: readonly number[]): Summary {
  if (samples.length === 0) throw new Error('A summary was asked for, but there are no samples.');
  const sorted = [...samples].sort((a, b) => a - b);
  return {
    n: sorted.length,
    median: quantile(sorted, 0.5),
    lower: quantile(sorted, 0.25),
    upper: quantile(sorted, 0.75),
    fastest: sorted[0],
    slowest: sorted[sorted.length - 1],
  };
}

/** The value that a share of sorted samples lies below, between neighbours by proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)];
  return below + (at % 1) * (sorted[Math.ceil(at)] - below);
}
