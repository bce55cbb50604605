/** From a configuration to what the training loop takes: images, a model's description, recorded norms. */
import { configHash, type RunConfig } from './config.ts';
import { type Dataset, subset } from './data/image-set.ts';
import { protocolImages } from './data/protocol.ts';
import { heldNorm, needsRecordedNorm } from './methods.ts';
import { type ModelSpec, namedModel } from './models.ts';
import { recordedNorms, recordingIdentity } from './norm-recording.ts';
import { readConfig } from './run-store.ts';
import type { RunImages, RunSettings } from './run-training.ts';

export interface RunInputs {
  readonly images: RunImages;
  readonly settings: RunSettings;
  /** Which decoder made the pixels, where the files hold JPEGs. */
  readonly decoder?: string;
}

/** Prepares a run. Throws a sentence where the configuration does not go with the data set or its recorded norms. */
export async function runInputs(config: RunConfig, dataset: Dataset): Promise<RunInputs> {
  const images = runImages(config, dataset);
  return { images, settings: await runSettings(config, images), decoder: dataset.decoder };
}

/** The images that train, select and test. Throws a sentence where the configuration asks for more than there are. */
function runImages(config: RunConfig, dataset: Dataset): RunImages {
  const held = config.validationImages ?? Math.max(1, Math.floor(dataset.train.count / 5));
  const { train: all, validation, test: wholeTest } = protocolImages(dataset, held, config.selection);
  const train = config.trainImages === null ? all : subset(all, config.trainImages);
  const test = config.testImages === null ? wholeTest : subset(wholeTest, config.testImages);
  if (config.batch > train.count) {
    throw new Error(
      `The batch, ${config.batch}, is more than the ${train.count} training images; take a smaller one.`,
    );
  }
  return { train, validation, test, mean: dataset.mean, std: dataset.std };
}

/** What the loop needs of the configuration. */
async function runSettings(config: RunConfig, { train }: RunImages): Promise<RunSettings> {
  const { radius, normBatch, ...rest } = config;
  const model = modelSpec(config, train);
  const settings = { ...rest, model, radius: radius ?? undefined, normBatch: normBatch ?? undefined };
  return needsRecordedNorm(config.method) ? { ...settings, recordedNorm: await recording(config) } : settings;
}

function modelSpec({ model }: RunConfig, { name, classes, shape }: RunImages['train']): ModelSpec {
  const spec = typeof model === 'string' ? namedModel(model, classes, shape) : model;
  if (spec.classes !== classes) {
    throw new Error(`The model has ${spec.classes} classes, but ${name} has ${classes}.`);
  }
  return spec;
}

/** The norms that another run recorded, checked to be those that the configuration means, and enough. */
async function recording({ norms, steps }: RunConfig): Promise<(step: number) => number> {
  if (norms === null) throw new Error('External grafting needs norms: { run: FOLDER }.');
  const { run, hold, identity } = norms;
  const found = /-[0-9a-f]{12}\/*$/.test(run) ? configHash(await readConfig(run)) : recordingIdentity(run);
  if (found !== identity) {
    throw new Error(
      `The norms recorded in ${run} are of another run, ${found}, than the configuration means, ${identity}.`,
    );
  }
  const records = await recordedNorms(run);
  // Both ends: what is missing is told before the first update.
  for (const step of [0, steps - 1]) heldNorm(records, step, hold);
  return (step) => heldNorm(records, step, hold);
}
