/** Special functions in float64 that JavaScript lacks. */

/** erf to about 1e-15: the Taylor series below 2.5, beyond it the continued fraction of erfc. */
export function errorFunction(x: number): number {
  const a = Math.abs(x);
  if (!(a < 6)) return Number.isNaN(x) ? x : Math.sign(x);
  return Math.sign(x) * (a < 2.5 ? series(a) : 1 - complement(a));
}

/** 2/sqrt(pi) exp(-a^2) sum over n of 2^n a^(2n+1) / (1 * 3 * ... * (2n+1)): all terms positive, none cancels. */
function series(a: number): number {
  let term = a;
  let sum = a;
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * a * a) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
}

/** erfc(a) = exp(-a^2)/sqrt(pi) / (a + (1/2)/(a + (2/2)/(a + (3/2)/(a + ...)))). */
function complement(a: number): number {
  let tail = a;
  for (let n = 80; n >= 1; n--) tail = a + n / 2 / tail;
  return Math.exp(-a * a) / Math.sqrt(Math.PI) / tail;
}
