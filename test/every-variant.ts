/**
 * Runs the tests of operations, of the planner's switches, of random graphs and of whole training steps once with every
 * kernel variant forced wherever it fits, and once planned as for a GPU: `npm run test:variants`.
 */
import { spawnSync } from 'node:child_process';
import { conv2dFamily } from '../src/kernels/conv2d.ts';
import { conv2dInputGradFamily } from '../src/kernels/conv2d-input-grad.ts';
import { conv2dWeightGradFamily } from '../src/kernels/conv2d-weight-grad.ts';
import { matmulFamily } from '../src/kernels/matmul.ts';

const files = ['operations', 'parity', 'random-graphs', 'switches'].map((name) => `test/${name}.test.ts`);
const families = [matmulFamily, conv2dFamily, conv2dInputGradFamily, conv2dWeightGradFamily];
const variants = new Set(families.flatMap((family) => Object.keys(family.variants)));

const environments = [
  ...[...variants].map((variant) => ({ REGRAD_TEST_VARIANT: variant })),
  { REGRAD_TEST_CLASS: 'hardware' },
];
const failed = environments.filter((environment) => {
  const name = Object.entries(environment)[0].join('=');
  console.log(`\n${name}`);
  const { status } = spawnSync('npx', ['vitest', 'run', ...files], {
    env: { ...process.env, ...environment },
    stdio: 'inherit',
  });
  return status !== 0;
});
if (failed.length > 0) {
  console.error(
    `\nFailed with ${failed.map((environment) => Object.entries(environment)[0].join('=')).join(', ')}.`,
  );
  process.exitCode = 1;
}
