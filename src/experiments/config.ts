/**
 * The configuration of one run: everything that decides its numbers, and where it came from in errors. `config.json` of a run
 * folder holds it with every default filled in.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { lastBatches } from './batches.ts';
import { problemsOf } from './config-problems.ts';
import { selections } from './data/protocol.ts';
import { type Derivative, hasPenalty, methodNames, needsRadius, needsRecordedNorm } from './methods.ts';
import { recordingIdentity } from './norm-recording.ts';

const derivatives = [
  'double-backprop',
  'forward-difference',
  'central-difference',
] as const satisfies readonly Derivative[];

const count = z.int().min(1);
const wholeFromOne = 'a whole number of 1 or more';
const numberAboveZero = 'a number above 0';

/** Case does not matter in a method's name. */
const method = z.preprocess(
  (value) => methodNames.find((name) => name.toLowerCase() === String(value).toLowerCase()) ?? value,
  z.enum(methodNames),
);

const widths = z.array(count).describe(`a list of whole numbers of 1 or more`);
const model = z.union([
  z.string().min(1),
  z.discriminatedUnion('family', [
    z.strictObject({
      family: z.literal('resnet'),
      widths,
      blocks: widths,
      classes: count.describe(wholeFromOne),
      channels: count.optional().describe(wholeFromOne),
    }),
    z.strictObject({
      family: z.literal('vgg'),
      plan: z.array(z.union([count, z.literal('M')])).describe("a list of widths and 'M'"),
      hidden: widths,
      classes: count.describe(wholeFromOne),
      size: count.describe(wholeFromOne),
      channels: count.optional().describe(wholeFromOne),
      bn: z.boolean().optional().describe('true or false'),
      pool: count.optional().describe(wholeFromOne),
      dropout: z.number().min(0).lt(1).optional().describe('a number from 0 to below 1'),
      linearDeviation: z.number().positive().optional().describe(numberAboveZero),
    }),
    z.strictObject({
      family: z.literal('mlp'),
      inputs: count.describe(wholeFromOne),
      hidden: widths,
      classes: count.describe(wholeFromOne),
      activation: z.enum(['relu', 'tanh', 'gelu']).describe('relu, tanh or gelu'),
    }),
  ]),
]);

/** Each key says in its description what it should be; errors quote it. */
export const runSchema = z.strictObject({
  method: method.describe(`a method: ${methodNames.join(', ')}`),
  derivative: z
    .enum(derivatives)
    .default('double-backprop')
    .describe(`how a penalty is differentiated: ${derivatives.join(', ')}`),
  lambda: z.number().min(0).optional().describe('a number of 0 or more, the weight of the penalty'),
  radius: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('a number above 0, the displacement of finite differences, SAM and GNP'),
  norms: z
    .strictObject({
      run: z.string().min(1).describe('the folder of a run with norms.jsonl, or such a file'),
      hold: count.default(20).describe(wholeFromOne),
      identity: z
        .string()
        .regex(/^[0-9a-f]{12}$/)
        .optional()
        .describe('12 hexadecimal digits'),
    })
    .nullable()
    .default(null)
    .describe('the recorded norms of another run, as { run: FOLDER, hold: 20 }'),
  model: model
    .default('resnet[8,16]')
    .describe(
      'the name of a model, as resnet18 or mlp[64,32], or its description with a family: resnet, vgg or mlp',
    ),
  data: z.string().min(1).describe('a data set, as optdigits or cifar10:DIR'),
  selection: z
    .enum(selections)
    .default('held-out')
    .describe(`one of ${selections.join(', ')}`),
  trainImages: count.nullable().default(null).describe(wholeFromOne),
  validationImages: count.nullable().default(null).describe(wholeFromOne),
  testImages: count.nullable().default(null).describe(wholeFromOne),
  augment: z.boolean().optional().describe('true or false'),
  batch: count.describe(`${wholeFromOne}, the examples of an update`),
  microBatch: count.optional().describe(`${wholeFromOne}, the examples of a forward pass`),
  normBatch: count.nullable().default(null).describe(wholeFromOne),
  lastBatch: z
    .enum(lastBatches)
    .default('partial')
    .describe(`one of ${lastBatches.join(', ')}`),
  learningRate: z.number().positive().describe(numberAboveZero),
  steps: count.describe(`${wholeFromOne}, the updates`),
  seed: z.int().min(0).default(0).describe('a whole number of 0 or more'),
  evaluateEvery: count.optional().describe(wholeFromOne),
  measureBatches: count.default(4).describe(wholeFromOne),
  recordNormsEvery: count
    .nullable()
    .default(null)
    .describe(`${wholeFromOne}, the updates between two recorded norms`),
  divergedAbove: z.number().positive().default(1000).describe(`${numberAboveZero}, the loss that ends a run`),
  checkpointEvery: count.optional().describe(wholeFromOne),
});

type Filled = Required<Pick<z.output<typeof runSchema>, FilledKey>>;
type FilledKey = 'lambda' | 'augment' | 'microBatch' | 'evaluateEvery' | 'checkpointEvery';

/**
 * A resolved configuration.
 *
 * - `norms`: where external grafting takes its lengths from, held for `hold` updates. `identity` is that of the run: the hash
 *   of its configuration.
 * - `trainImages`: a class-balanced part of the training images; null for all. `validationImages`: held out; null for a fifth.
 *   `testImages`: a class-balanced part; null for all.
 * - `augment`: random crops and flips; by default for CIFAR only.
 * - `normBatch`: images whose batch-norm statistics are taken together; null for the micro-batch.
 * - `lastBatch`: 'partial' makes the last update of an epoch from the images that are left and divides by their true count;
 *   'nominal' divides by the nominal number of micro-batches, as the released code does; 'full' fills the batch from the
 *   next epoch.
 * - `measureBatches`: micro-batches over which the gradient norm is averaged at an evaluation.
 * - `recordNormsEvery`: updates between two norms in norms.jsonl, for another run's external grafting; null for none.
 * - `checkpointEvery`: updates between two checkpoints. It decides no number, and is no part of the hash.
 */
export type RunConfig = Readonly<Omit<z.output<typeof runSchema>, FilledKey> & Filled>;

/**
 * Checks a configuration, as may come from a file, and fills in what it leaves out.
 * @param where names the source in errors.
 * @throws Error with a sentence for each fault; for an unknown key, with the key that was probably meant.
 */
export function resolveConfig(partial: unknown, where: string): RunConfig {
  const parsed = runSchema.safeParse(partial);
  if (!parsed.success) throw new Error(`${where}: ${problemsOf(parsed.error.issues, partial, runSchema)}`);
  const { data } = parsed;
  const evaluateEvery = data.evaluateEvery ?? Math.max(1, Math.floor(data.steps / 10));
  if (data.lambda === undefined && weighsPenalty(data.method)) {
    throw new Error(`${where}: The method ${data.method} penalises a gradient; give its weight, lambda.`);
  }
  const config = {
    ...data,
    lambda: data.lambda ?? 0,
    norms: data.norms && {
      ...data.norms,
      identity: data.norms.identity ?? recordingIdentity(data.norms.run),
    },
    augment: data.augment ?? data.data.startsWith('cifar'),
    microBatch: data.microBatch ?? data.batch,
    evaluateEvery,
    checkpointEvery: data.checkpointEvery ?? evaluateEvery,
  };
  const [conflict] = conflicts(config);
  if (conflict !== undefined) throw new Error(`${where}: ${conflict}`);
  return config;
}

function weighsPenalty(method: RunConfig['method']): boolean {
  return hasPenalty(method) || method === 'GNP';
}

/** Sentences on keys that do not go together. */
function* conflicts(config: RunConfig): Generator<string> {
  const { method, derivative, lambda, radius, norms, batch, microBatch, normBatch } = config;
  if (!weighsPenalty(method) && lambda !== 0) yield `The method ${method} has no penalty; leave out lambda.`;
  if (batch % microBatch !== 0) yield `The batch, ${batch}, must be a multiple of microBatch, ${microBatch}.`;
  if (method === 'SB' && microBatch !== batch)
    yield `SB makes an update from every micro-batch: give a batch of ${microBatch}, or take the method LB.`;
  if (normBatch !== null && microBatch % normBatch !== 0)
    yield `normBatch, ${normBatch}, must divide microBatch, ${microBatch}.`;
  const displaced = needsRadius(method, derivative);
  if (derivative !== 'double-backprop' && !hasPenalty(method))
    yield `The method ${method} has no penalty to differentiate; leave out derivative.`;
  if (displaced && radius === null) {
    const what = hasPenalty(method) ? derivative : method;
    yield `${what} needs a radius, the length of its displacement.`;
  }
  if (!displaced && radius !== null) yield `Nothing in this configuration uses a radius; leave it out.`;
  if (needsRecordedNorm(method) && norms === null)
    yield `${method} takes its step lengths from another run; give norms: { run: FOLDER }.`;
  if (!needsRecordedNorm(method) && norms !== null)
    yield `The method ${method} uses no recorded norms; leave out norms.`;
}

/**
 * The first 12 hexadecimal digits of the SHA-256 of what decides a run's numbers, as JSON with sorted keys. Keys that are null
 * are left out, and so are checkpointEvery and the folders of the data set and of recorded norms: moving them changes nothing.
 */
export function configHash({ checkpointEvery: _, data, norms, ...rest }: RunConfig): string {
  const identity = {
    ...rest,
    data: data.split(':', 1)[0],
    norms: norms && { hold: norms.hold, identity: norms.identity },
  };
  return createHash('sha256').update(canonicalJson(identity)).digest('hex').slice(0, 12);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(
          Object.entries(part)
            .filter(([, held]) => held !== null)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : part,
  );
}
