/** One run: train with a method, look at it now and then, and report the checkpoint that did best in validation. */
import {
  assign,
  createGenerator,
  currentDevice,
  type NumberArray,
  read,
  type Tensor,
  tensor,
} from '../engine/index.ts';
import type { Module } from '../nn/index.ts';
import { cifarAugmentation, noAugmentation } from './augment.ts';
import type { Dataset, ImageSet } from './data/image-set.ts';
import type { RecordedNorm } from './methods.ts';
import { buildModel, type ModelSpec } from './models.ts';
import { Training, type TrainingOptions } from './training.ts';

/** What the loop needs of a run's configuration. */
export interface RunSettings extends Omit<TrainingOptions, 'augmentation'> {
  readonly lambda: number;
  readonly model: ModelSpec;
  /** Updates. */
  readonly steps: number;
  /** Updates between two evaluations; the last update is always evaluated. */
  readonly evaluateEvery: number;
  /** Micro-batches over which the gradient norm is averaged at an evaluation. */
  readonly measureBatches: number;
  /** Random crops and flips, as the paper does for CIFAR. */
  readonly augment: boolean;
  /** Updates between two norms that are recorded for another run; none by default. */
  readonly recordNormsEvery?: number | null;
  /** The training loss that counts as lost; by default only one that is no number. */
  readonly divergedAbove?: number;
}

/** What is known at an evaluation. */
export interface RunPoint {
  readonly step: number;
  /** Passes through the training images so far. */
  readonly epoch: number;
  readonly trainLoss: number;
  readonly penalty: number;
  readonly validationLoss: number;
  readonly validationAccuracy: number;
  /** Mean over micro-batches of the squared gradient norm of the loss without penalty, and its root. */
  readonly microGradientNorm2: number;
  readonly microGradientNorm: number;
  /** Of the last update: its length in parameter space. */
  readonly updateNorm: number;
  /** Training images a second since the last point, evaluation excluded. */
  readonly imagesPerSecond: number;
  /** The most memory of the device in use so far. */
  readonly peakBytes: number;
  readonly seconds: number;
}

/** The fields of a point that tell of the machine, not of the numbers: they differ from run to run. */
export const machineFields = [
  'imagesPerSecond',
  'peakBytes',
  'seconds',
] as const satisfies (keyof RunPoint)[];

export interface RunResult {
  /** 'diverged': the loss was lost, in training or validation, at the last point's step. */
  readonly status: 'finished' | 'diverged';
  readonly bestStep: number;
  readonly bestValidationAccuracy: number;
  /** Of the checkpoint that was best in validation (the first of equals). */
  readonly testAccuracy: number;
  readonly finalTestAccuracy: number;
  /** Mean of microGradientNorm2 over the run's points. */
  readonly averageMicroGradientNorm2: number;
  readonly seconds: number;
  readonly points: readonly RunPoint[];
}

export interface RunImages extends Pick<Dataset, 'mean' | 'std'> {
  readonly train: ImageSet;
  readonly validation: ImageSet;
  readonly test: ImageSet;
}

/** Values of the tensors that a run needs to go on, by name. */
export type HostTensors = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: NumberArray }
>;

/** All that a run needs to go on as if it had never stopped, taken between two updates. */
export interface RunState {
  readonly step: number;
  /** Images drawn for measuring. */
  readonly measured: number;
  readonly seconds: number;
  /** Parameters, buffers, the optimiser's state, generators; and `best.NAME`, the weights best in validation. */
  readonly tensors: HostTensors;
  readonly best?: RunPoint;
  readonly points: readonly RunPoint[];
  /** Unknown where the run was taken up from a state without it. */
  readonly inEpoch?: EpochSums;
}

/** Over the updates since the epoch under way began. */
export interface EpochSums {
  readonly losses: number;
  readonly updates: number;
}

export interface RunWatcher {
  onStep?(step: number): void;
  /** With the update that ends an epoch, and the mean of the training loss over all updates of it. */
  onEpoch?(epoch: number, end: { readonly step: number; readonly meanLoss: number }): void;
  onPoint?(point: RunPoint): void | Promise<void>;
  /** With the norm before the update that follows `step` updates. */
  onNorm?(norm: RecordedNorm): void | Promise<void>;
  /** After an update that leaves the run under way: `state` gives all that going on needs. */
  onPause?(step: number, state: () => Promise<RunState>): void | Promise<void>;
  /** At the end, with the weights that did best in validation. */
  onFinish?(model: Module): Promise<void>;
}

/**
 * Runs a configuration on the device in use, from the start or from a state of the same run. Equal seeds give equal numbers on
 * one device, however often a run is taken up again.
 */
export async function runTraining(
  settings: RunSettings,
  images: RunImages,
  watcher: RunWatcher = {},
  from?: RunState,
): Promise<RunResult> {
  const started = performance.now();
  const seconds = () => (from?.seconds ?? 0) + (performance.now() - started) / 1000;
  const generator = createGenerator(settings.seed);
  const model = buildModel(settings.model, generator);
  const training = new Training(model, images, {
    ...settings,
    augmentation: settings.augment ? cifarAugmentation : noAugmentation,
  });
  // Dropout goes on drawing from the generator that the weights came from.
  const states = new Map([...training.states(), ['random.model', generator.state]]);
  const points = [...(from?.points ?? [])];
  let best: Best | undefined;
  if (from) {
    best = from.best && { point: from.best, weights: withPrefix(from.tensors, 'best.') };
    restore(states, from.tensors);
    training.progress = { updates: from.step, measured: from.measured };
  }
  const state = async (): Promise<RunState> => ({
    step: training.progress.updates,
    measured: training.progress.measured,
    seconds: seconds(),
    tensors: new Map([
      ...(await snapshot(states)),
      ...[...(best?.weights ?? [])].map(([name, values]) => [`best.${name}`, values] as const),
    ]),
    best: best?.point,
    points,
    inEpoch,
  });
  let epoch = Math.floor(training.epoch);
  let inEpoch: EpochSums | undefined = from ? from.inEpoch : noUpdates;
  const speed = new Speed();
  let status: RunResult['status'] = 'finished';
  for (let step = (from?.step ?? 0) + 1; step <= settings.steps && status === 'finished'; step++) {
    if (settings.recordNormsEvery && (step - 1) % settings.recordNormsEvery === 0) {
      await watcher.onNorm?.({ step: step - 1, norm: await training.recordableNorm() });
    }
    speed.start();
    const { loss, penalty, updateNorm, images: seen } = await training.step();
    speed.stop(seen);
    watcher.onStep?.(step);
    inEpoch &&= { losses: inEpoch.losses + loss, updates: inEpoch.updates + 1 };
    if (Math.floor(training.epoch) > epoch) {
      epoch = Math.floor(training.epoch);
      if (inEpoch) watcher.onEpoch?.(epoch, { step, meanLoss: inEpoch.losses / inEpoch.updates });
      inEpoch = noUpdates;
    }
    if (!Number.isFinite(loss) || loss > (settings.divergedAbove ?? Infinity)) status = 'diverged';
    if (step % settings.evaluateEvery === 0 || step === settings.steps || status === 'diverged') {
      const validation = await training.evaluate(images.validation);
      if (!Number.isFinite(validation.loss)) status = 'diverged';
      const norm2 = await training.microBatchGradientNorm2(settings.measureBatches);
      const point: RunPoint = {
        step,
        epoch: training.epoch,
        trainLoss: loss,
        penalty,
        validationLoss: validation.loss,
        validationAccuracy: validation.accuracy,
        microGradientNorm2: norm2,
        microGradientNorm: Math.sqrt(norm2),
        updateNorm,
        imagesPerSecond: speed.take(),
        peakBytes: (await currentDevice()).memory().peakBytes,
        seconds: seconds(),
      };
      points.push(point);
      if (status === 'finished' && (!best || point.validationAccuracy > best.point.validationAccuracy)) {
        best = { point, weights: await snapshot(model.stateDict()) };
      }
      await watcher.onPoint?.(point);
    }
    if (status === 'finished') await watcher.onPause?.(step, state);
  }
  const finalTest = await training.evaluate(images.test);
  if (best) restore(model.stateDict(), best.weights);
  const bestTest = await training.evaluate(images.test);
  await watcher.onFinish?.(model);
  const norms = points.map((point) => point.microGradientNorm2);
  return {
    status,
    bestStep: best?.point.step ?? 0,
    bestValidationAccuracy: best?.point.validationAccuracy ?? 0,
    testAccuracy: bestTest.accuracy,
    finalTestAccuracy: finalTest.accuracy,
    averageMicroGradientNorm2: norms.reduce((a, b) => a + b, 0) / norms.length,
    seconds: seconds(),
    points,
  };
}

const noUpdates: EpochSums = { losses: 0, updates: 0 };

interface Best {
  readonly point: RunPoint;
  readonly weights: HostTensors;
}

/** Images a second between two calls of `take`, over the time between `start` and `stop`. */
class Speed {
  #images = 0;
  #seconds = 0;
  #started = 0;

  start(): void {
    this.#started = performance.now();
  }

  stop(images: number): void {
    this.#images += images;
    this.#seconds += (performance.now() - this.#started) / 1000;
  }

  take(): number {
    const speed = this.#images / this.#seconds;
    this.#images = 0;
    this.#seconds = 0;
    return speed;
  }
}

async function snapshot(states: ReadonlyMap<string, Tensor>): Promise<HostTensors> {
  const arrays = await read(...states.values());
  return new Map([...states].map(([name, { shape }], i) => [name, { shape, data: arrays[i] }]));
}

function restore(states: ReadonlyMap<string, Tensor>, values: HostTensors): void {
  for (const [name, state] of states) {
    const value = values.get(name);
    if (value?.shape.join() !== state.shape.join()) {
      throw new Error(
        `The state has ${value ? `[${value.shape}] values` : 'nothing'} for ${name} of shape [${state.shape}].`,
      );
    }
    assign(state, tensor(value.data, { shape: state.shape, dtype: state.dtype }));
  }
}

function withPrefix(values: HostTensors, prefix: string): HostTensors {
  return new Map(
    [...values].flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [],
    ),
  );
}
