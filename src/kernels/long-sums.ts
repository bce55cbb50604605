/**
 * Sums of many terms without drift. Equal numbers that are added one by one are all rounded the same way: a million
 * of them lose a thousandth. So after every few terms the sum joins a total, and what the total loses to rounding is
 * where the next sum begins (Kahan 1965): the error does not grow with the number of terms.
 */

/** Terms, or small sums, that are added one by one: 32 equal numbers lose up to 5e-7 of their sum. */
export const blockLength = 32;

/** Terms from which on the sums of a hand-written kernel are long. */
const long = 1024;

export const isLong = (terms: number): boolean => terms >= long;

type Type = 'f32' | 'vec4f';

/**
 * WGSL of `join(total, sum)`. A compiler may take (total + sum) - total for sum, but not once a bit is cut off; the
 * rest has that bit too. An infinite total has no rest, which would be NaN.
 */
export function joining(type: Type): string {
  const bits = type === 'f32' ? 'u32' : 'vec4u';
  return /* wgsl */ `
struct Joined {
  total: ${type},
  rest: ${type},
}

fn join(total: ${type}, sum: ${type}) -> Joined {
  let bits = bitcast<${bits}>(total + sum) & ${bits}(0xfffffffeu);
  let joined = bitcast<${type}>(bits);
  let finite = (bits & ${bits}(0x7f800000u)) != ${bits}(0x7f800000u);
  return Joined(joined, select(${type}(), sum - (joined - total), finite));
}
`;
}

/** WGSL that moves a sum into a total; what got lost stays in the sum. */
export const joinInto = (total: string, sum: string): string =>
  `{ let joined = join(${total}, ${sum}); ${total} = joined.total; ${sum} = joined.rest; }`;

/** WGSL around a loop whose rounds add to variables. */
export interface JoinedSums {
  readonly declarations: string;
  /** Before the loop. */
  readonly totals: string;
  /** At the end of a round: every so many, the sums join the totals. */
  readonly join: (round: string) => string;
  /** After the loop. */
  readonly finish: string;
}

/** `terms`: of each sum, and of each round. Nothing where the sums are short. */
export function joinedSums(
  type: Type,
  sums: readonly string[],
  terms: { readonly all: number; readonly round: number },
): JoinedSums {
  if (!isLong(terms.all)) return { declarations: '', totals: '', join: () => '', finish: '' };
  const every = Math.max(1, blockLength / terms.round);
  const joins = sums.map((sum, i) => joinInto(`totals[${i}]`, sum)).join('\n      ');
  return {
    declarations: joining(type),
    // An array, because a software adapter copies every other variable on each round of a loop.
    totals: `var totals: array<${type}, ${sums.length}>;`,
    join: (round) => `if (${round} % ${every}u == ${every - 1}u) {
      ${joins}
    }`,
    finish: sums.map((sum, i) => `${sum} += totals[${i}];`).join('\n  '),
  };
}

/** Of the direct kernels, which add up four 4 × 4 matrices, four terms a round. */
export const joinedMatrices = (terms: number): JoinedSums =>
  joinedSums(
    'vec4f',
    ['out00', 'out01', 'out10', 'out11'].flatMap((matrix) => [0, 1, 2, 3].map((i) => `${matrix}[${i}]`)),
    { all: terms, round: 4 },
  );
