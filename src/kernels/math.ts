/**
 * Functions that WGSL lacks, or that adapters get wrong at the edges (NaN, infinity, zero) or in the last digits.
 * Each is plain arithmetic, good to a few units in the last place in f32 on any adapter (`exponential` and `power`
 * for other than whole exponents, which rest on the adapter's exp, to about twenty). Subnormal numbers are whatever the
 * adapter makes of them: themselves or zero, as operands, results and on the way.
 */

import { joining } from './long-sums.ts';

const library: Record<string, string> = {
  join: joining('f32'),

  // A constant NaN or infinity is refused by WGSL, a variable's bits are not.
  nanValue: /* wgsl */ `
fn nanValue() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }`,

  infinity: /* wgsl */ `
fn infinity() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }`,

  // Adapters differ on x != x; the bits do not lie.
  isNan: /* wgsl */ `
fn isNan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,

  // WGSL's max and min drop a NaN operand.
  maximum: /* wgsl */ `
fn maximum(a: f32, b: f32) -> f32 { return select(select(b, a, a > b), a, isNan(a)); }`,

  minimum: /* wgsl */ `
fn minimum(a: f32, b: f32) -> f32 { return select(select(b, a, a < b), a, isNan(a)); }`,

  squareRoot: /* wgsl */ `
fn squareRoot(x: f32) -> f32 { return select(select(sqrt(abs(x)), x, x == 0.0), nanValue(), x < 0.0); }`,

  // 2 atanh(s) = log((1 + s) / (1 - s)), for |s| < 0.18.
  twiceAtanh: /* wgsl */ `
fn twiceAtanh(s: f32) -> f32 {
  let z = s * s;
  return 2.0 * s * (1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0)))));
}`,

  // x = m 2^e with m in [sqrt(1/2), sqrt(2)): log x = e log 2 + log m. Subnormal numbers count as zero.
  logarithm: /* wgsl */ `
fn logarithm(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (isNan(x) || bits == 0x7f800000u) { return x; }
  if ((bits & 0x7f800000u) == 0u) { return -infinity(); }
  if (x < 0.0) { return nanValue(); }
  var e = f32(bits >> 23u) - 127.0;
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  if (m > 1.4142135) { m *= 0.5; e += 1.0; }
  return e * 0.693359375 + (twiceAtanh((m - 1.0) / (m + 1.0)) - e * 2.12194440e-4);
}`,

  // Without forming 1 + x where that would lose x, nor a subnormal quotient.
  logarithm1p: /* wgsl */ `
fn logarithm1p(x: f32) -> f32 {
  if (abs(x) < 0x1p-25) { return x; }
  if (abs(x) < 0.29) { return twiceAtanh(x / (2.0 + x)); }
  return logarithm(1.0 + x);
}`,

  // Adapters differ on exp(NaN).
  exponential: /* wgsl */ `
fn exponential(x: f32) -> f32 { return select(exp(x), x, isNan(x)); }`,

  // The series of exp without its first term where subtracting 1 would cancel.
  exponential1m: /* wgsl */ `
fn exponential1m(x: f32) -> f32 {
  if (abs(x) < 0.5) {
    return x * (1.0 + x * (1.0 / 2.0 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x * (1.0 / 120.0
      + x * (1.0 / 720.0 + x * (1.0 / 5040.0 + x * (1.0 / 40320.0))))))));
  }
  return exponential(x) - 1.0;
}`,

  // tanh |x| = t / (t + 2) with t = exp(2|x|) - 1; exactly 1 in f32 beyond 10.
  hyperbolicTangent: /* wgsl */ `
fn hyperbolicTangent(x: f32) -> f32 {
  if (isNan(x) || x == 0.0) { return x; }
  let t = exponential1m(2.0 * min(abs(x), 10.0));
  return select(t / (t + 2.0), -t / (t + 2.0), x < 0.0);
}`,

  // The distance r of x from the nearest multiple k pi/2, and k modulo 4. Up to 8000 pi/2 is subtracted in four parts, of
  // which k times the first three is exact. Beyond, Payne and Hanek: of the bits of 2/pi only those matter that turn
  // x 2/pi by less than a whole circle; 96 of them times the 24 of x give the quarter turn and 62 bits behind its point.
  quarterTurns: /* wgsl */ `
fn quarterTurns(x: f32) -> vec2f {
  if (abs(x) < 8000.0) {
    let k = round(x * 0.63661977);
    let r = (((x - k * 1.5703125) - k * 4.837512969970703e-4) - k * 7.549533620476723e-8) - k * 2.563344e-12;
    return vec2f(select(r, x, k == 0.0), k);
  }
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  if (bits >= 0x7f800000u) { return vec2f(nanValue(), 0.0); }
  var twoOverPi = array(0u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu);
  let first = (bits >> 23u) - 120u;
  let shift = first & 31u;
  var words: array<u32, 3>;
  for (var i = 0u; i < 3u; i++) {
    let at = (first >> 5u) + i;
    words[i] = (twoOverPi[at] << shift) | ((twoOverPi[at + 1u] >> 1u) >> (31u - shift));
  }
  let mantissa = (bits & 0x007fffffu) | 0x00800000u;
  let carried = multiplyHigh(mantissa, words[2]);
  let low = mantissa * words[1] + carried;
  let high = mantissa * words[0] + multiplyHigh(mantissa, words[1]) + select(0u, 1u, low < carried);
  let fraction = bitcast<i32>((high << 2u) | (low >> 30u));
  let turns = f32((high + 0x20000000u) >> 30u);
  let r = (f32(fraction) * 0x1p-32 + f32(low << 2u) * 0x1p-64) * 1.5707963;
  return select(vec2f(r, turns), vec2f(-r, -turns), x < 0.0);
}`,

  // Series on [-pi/4, pi/4]. (-0 + 0 would lose the sign of -0.)
  sineOf: /* wgsl */ `
fn sineOf(x: f32, quarter: i32) -> f32 {
  let turned = quarterTurns(x);
  let r = turned.x;
  let z = r * r;
  let rest = r * z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * (-1.0 / 5040.0 + z * (1.0 / 362880.0))));
  let sine = select(r + rest, r, z == 0.0);
  let cosine = 1.0 + z * (-0.5 + z * (1.0 / 24.0 + z * (-1.0 / 720.0 + z * (1.0 / 40320.0))));
  let quadrant = (i32(turned.y) + quarter) & 3;
  let value = select(sine, cosine, (quadrant & 1) == 1);
  return select(value, -value, quadrant >= 2);
}`,

  // Near zero the Taylor series; beyond, erfc(a) = exp(-a^2) times a rational fit with relative error 1.2e-7.
  errorFunction: /* wgsl */ `
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
}`,

  // a^n for a normal number a > 0 and a whole n, 1 <= |n| <= 256, by squaring mantissas of 32 bits: exact where f32 holds
  // the power, else off by no more than three units in the last place.
  wholePower: /* wgsl */ `
struct Scaled { mantissa: u32, exponent: i32 }  // mantissa 2^(exponent - 31), the mantissa's first bit set
fn scaled(x: f32) -> Scaled {
  let bits = bitcast<u32>(x);
  return Scaled((bits << 8u) | 0x80000000u, i32(bits >> 23u) - 127);
}
fn scaledProduct(a: Scaled, b: Scaled) -> Scaled {
  let high = multiplyHigh(a.mantissa, b.mantissa);
  let exponent = a.exponent + b.exponent;
  if ((high >> 31u) == 1u) { return Scaled(high, exponent + 1); }
  return Scaled((high << 1u) | ((a.mantissa * b.mantissa) >> 31u), exponent);
}
fn unscaled(x: Scaled) -> f32 {
  if (x.exponent > 127) { return infinity(); }
  let dropped = u32(8 + max(0, -126 - x.exponent));
  if (dropped > 31u) { return 0.0; }
  let kept = x.mantissa >> dropped;
  let rest = x.mantissa << (32u - dropped);
  let up = rest > 0x80000000u || (rest == 0x80000000u && (kept & 1u) == 1u);
  return bitcast<f32>((u32(max(0, x.exponent + 126)) << 23u) + kept + select(0u, 1u, up));
}
fn wholePower(a: f32, n: i32) -> f32 {
  var factor = scaled(a);
  var value = Scaled(0x80000000u, 0);
  for (var rest = abs(n); rest > 0; rest >>= 1u) {
    if ((rest & 1) == 1) { value = scaledProduct(value, factor); }
    factor = scaledProduct(factor, factor);
  }
  if (n > 0) { return unscaled(value); }
  let inverse = scaled(1.0 / unscaled(Scaled(value.mantissa, 0)));
  return unscaled(Scaled(inverse.mantissa, inverse.exponent - value.exponent));
}`,

  // C's pow: sign by parity of a whole exponent, NaN for a negative base with any other; pow(x, 0) = pow(1, y) = 1.
  power: /* wgsl */ `
fn power(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (isNan(x) || isNan(y)) { return nanValue(); }
  let a = abs(x);
  var value: f32;
  if (a < 0x1p-126) { value = select(infinity(), 0.0, y > 0.0); }
  else if (a > 0x1.fffffep+127) { value = select(0.0, infinity(), y > 0.0); }
  else if (a == 1.0) { value = 1.0; }
  else if (floor(y) == y && abs(y) <= 256.0) { value = wholePower(a, i32(y)); }
  else { value = exp(y * logarithm(a)); }
  if ((bitcast<u32>(x) >> 31u) == 0u) { return value; }
  if (floor(y) != y) { return select(nanValue(), value, a < 0x1p-126 || a > 0x1.fffffep+127); }
  let odd = abs(y) < 16777216.0 && (i32(y) & 1) == 1;
  return select(value, -value, odd);
}`,

  // The upper half of a product of 64 bits.
  multiplyHigh: /* wgsl */ `
fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let mid = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (mid & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (mid >> 16u) + (other >> 16u);
}`,

  // Philox 4x32-10 (Salmon et al. 2011): block number -> four random words, keyed by the seed.
  philox: /* wgsl */ `
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
}`,
};

/** The WGSL of every library function that `body` calls, with what those call, each once and callees first. */
export function mathFunctions(body: string): string {
  const found = new Set<string>();
  const visit = (text: string): void => {
    for (const [name, source] of Object.entries(library)) {
      if (found.has(name) || source === text || !new RegExp(`\\b${name}\\(`).test(text)) continue;
      visit(source);
      found.add(name);
    }
  };
  visit(body);
  return [...found].map((name) => library[name]).join('');
}
