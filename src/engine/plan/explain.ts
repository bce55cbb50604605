/** Plans for people. */
import type { Place, Plan } from './plan.ts';

/** One line per kernel launch: label, places, bytes moved and arithmetic; then, if asked for, each distinct WGSL. */
export function explainPlan(plan: Plan, { wgsl = false }: { readonly wgsl?: boolean } = {}): string {
  const rows = plan.steps.map((step, at) => {
    const inputs = step.inputs.map(placeName).join(' ');
    return `${String(at).padStart(4)}  ${step.label}  (${inputs} -> ${step.outputs.map(placeName).join(' ')}; ${amount(4 * step.elements)}B, ${amount(step.kernel.flops)}flop)`;
  });
  const memory = plan.slots.reduce((total, bytes) => total + bytes, 0);
  const pipelines = new Map(plan.steps.map(({ kernel }) => [kernel.source, kernel]));
  const head = `plan: ${plan.steps.length} kernel launches, ${pipelines.size} pipelines, ${plan.slots.length} intermediate buffers of ${amount(memory)}B`;
  const sources = wgsl
    ? [...pipelines.values()].map(({ name, source }) => `\n// ---- ${name}\n${source.trim()}`)
    : [];
  return [head, ...rows, ...sources].join('\n');
}

function placeName(place: Place): string {
  if (place.kind === 'slot') return `b${place.slot}`;
  return place.kind === 'leaf' ? `in${place.leaf}` : `out${place.target}`;
}

/** 1234567 -> '1.23 M'. */
function amount(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T'];
  let at = 0;
  let scaled = value;
  while (scaled >= 1000 && at < units.length - 1) {
    scaled /= 1000;
    at++;
  }
  return `${at === 0 ? scaled : scaled.toPrecision(3)} ${units[at]}`;
}
