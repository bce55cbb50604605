/**
 * Training with one method of the paper, as compiled steps: K micro-batches add up their gradients, the last of them
 * also updates the parameters. What is measured on the way does not change what is trained.
 */
import {
  add,
  argMax,
  assign,
  cast,
  compile,
  createGenerator,
  crossEntropy,
  eq,
  type Generator,
  sqrt,
  sum,
  type Tensor,
  tensor,
  zeros,
} from '../engine/index.ts';
import { type Module, type Optimizer, setNormBatch, sgd } from '../nn/index.ts';
import { type Augmentation, augment, normalizer } from './augment.ts';
import { type Batching, ImageOrder, imageBatch, type LastBatch, orders, updateAt } from './batches.ts';
import type { Dataset, ImageSet } from './data/image-set.ts';
import {
  drawnMicroBatch,
  drawsMicroBatch,
  forwardPass,
  type MethodSettings,
  microStep,
  needsRecordedNorm,
  randomDraws,
  squaredGradientNorm,
  squaredNorm,
  update,
} from './methods.ts';

export interface TrainingOptions extends MethodSettings {
  /** Examples per update, |B|; a multiple of microBatch. SB takes microBatch = batch. */
  readonly batch: number;
  /** Examples per forward pass, |M|. */
  readonly microBatch: number;
  /** What becomes of the images left at the end of an epoch; by default the batch is filled from the next one. */
  readonly lastBatch?: LastBatch;
  readonly learningRate: number;
  readonly seed: number;
  readonly augmentation: Augmentation;
  /** Images whose batch-norm statistics are taken together; a divisor of microBatch, which is the default. */
  readonly normBatch?: number;
  /** For external grafting: the norm recorded for the update that follows `step` updates. */
  readonly recordedNorm?: (step: number) => number;
}

export interface StepMetrics {
  /** Mean over the examples of the loss without penalty (the sum of the micro-batches' shares). */
  readonly loss: number;
  /** Mean over the micro-batches of R_M, before lambda; 0 for SB and LB. */
  readonly penalty: number;
  /** Euclidean norm of the whole gradient, before a method gives it another length. */
  readonly gradientNorm: number;
  /** Euclidean norm of the step in parameter space. */
  readonly updateNorm: number;
  /** Examples of the update. */
  readonly images: number;
}

export interface TrainingProgress {
  readonly updates: number;
  /** Images drawn for measuring. */
  readonly measured: number;
}

export interface Evaluation {
  readonly loss: number;
  /** Share of right answers, 0 to 1. */
  readonly accuracy: number;
}

/** Streams of random numbers that one seed gives to a run; initialisation uses stream 0. */
const streams = { methods: 1, augmentation: 2 };

/** Images per forward pass when evaluating. */
const evaluationBatch = 250;

export class Training {
  readonly #model: Module;
  readonly #train: ImageSet;
  readonly #options: TrainingOptions;
  readonly #batching: Batching;
  readonly #order: ImageOrder;
  readonly #measureOrder: ImageOrder;
  readonly #recordOrder: ImageOrder;
  readonly #optimizer: Optimizer;
  readonly #draws: Generator;
  readonly #augmenting: Generator;
  #updates = 0;
  readonly #micro: (place: Place) => CompiledMicro;
  /** The norm of another run that the next update takes its length from. */
  readonly #recorded = tensor(1);
  readonly #measure: (pixels: Tensor, labels: Tensor) => Promise<Tensor>;
  readonly #evaluate: (pixels: Tensor, labels: Tensor) => Promise<Tensor[]>;

  constructor(model: Module, dataset: Pick<Dataset, 'train' | 'mean' | 'std'>, options: TrainingOptions) {
    const { train, mean, std } = dataset;
    const { batch, microBatch, seed, lastBatch = 'full' } = options;
    this.#model = model;
    this.#train = train;
    this.#options = options;
    this.#batching = { count: train.count, batch, microBatch, lastBatch };
    if (!Number.isInteger(batch / microBatch) || batch < microBatch) {
      throw new Error(`The batch, ${batch}, must be a multiple of the micro-batch, ${microBatch}.`);
    }
    if (batch > train.count) {
      throw new Error(
        `The batch, ${batch}, is larger than the ${train.count} training images of ${train.name}.`,
      );
    }
    if (needsRecordedNorm(options.method) && !options.recordedNorm) {
      throw new Error(`${options.method} takes its step lengths from another run; give it recorded norms.`);
    }
    setNormBatch(model, options.normBatch);
    this.#order = new ImageOrder(train.count, seed);
    this.#measureOrder = new ImageOrder(train.count, seed, orders.measuring);
    this.#recordOrder = new ImageOrder(train.count, seed, orders.recording);
    this.#optimizer = sgd(model.parameters(), { learningRate: options.learningRate });
    this.#draws = createGenerator(seed, streams.methods);
    this.#augmenting = createGenerator(seed, streams.augmentation);
    const normalize = normalizer(mean, std, train.scale);
    this.#micro = this.#compileMicro(normalize);
    this.#measure = compile((pixels, labels) =>
      model.withFrozenStatistics(() =>
        squaredGradientNorm(crossEntropy(model.forward(normalize(pixels)), labels), model.parameters()),
      ),
    );
    this.#evaluate = compile((pixels, labels) => {
      const logits = model.forward(normalize(pixels));
      return [
        sum(cast(eq(argMax(logits, 1), labels), 'f32')),
        crossEntropy(logits, labels, { reduction: 'sum' }),
      ];
    });
  }

  /** How far training and measuring are: with `states`, all that decides what comes next. */
  get progress(): TrainingProgress {
    return { updates: this.#updates, measured: this.#measureOrder.position };
  }

  set progress({ updates, measured }: TrainingProgress) {
    this.#updates = updates;
    this.#measureOrder.position = measured;
  }

  /** The live tensors that a step changes: parameters, buffers, the optimiser's state, generators. */
  states(): Map<string, Tensor> {
    const prefixed = (prefix: string, states: ReadonlyMap<string, Tensor>) =>
      [...states].map(([name, state]) => [`${prefix}.${name}`, state] as const);
    return new Map([
      ...prefixed('model', this.#model.stateDict()),
      ...prefixed('optimizer', this.#optimizer.stateDict()),
      ['random.methods', this.#draws.state],
      ['random.augmentation', this.#augmenting.state],
    ]);
  }

  /** Passes through the training images so far. */
  get epoch(): number {
    return updateAt(this.#updates, this.#batching).position / this.#train.count;
  }

  /** One update: its micro-batches, then the optimiser. */
  async step(): Promise<StepMetrics> {
    this.#model.train();
    const { method, seed, recordedNorm } = this.#options;
    const step = this.#updates;
    const { position, microBatches } = updateAt(step, this.#batching);
    this.#order.position = position;
    const last = microBatches.length - 1;
    const drawn = drawsMicroBatch(method) ? drawnMicroBatch(seed, step, last + 1) : undefined;
    if (recordedNorm) assign(this.#recorded, tensor(recordedNorm(step)));
    let outputs: Tensor[] = [];
    for (const [k, { size, divisor }] of microBatches.entries()) {
      const micro = this.#micro({ first: k === 0, last: k === last, drawn: k === drawn, divisor });
      outputs = await micro(...imageBatch(this.#train, this.#order.take(size)));
    }
    this.#updates++;
    const [loss, penalty, gradientNorm, direction] = await Promise.all(
      outputs.map((output) => output.item()),
    );
    return {
      loss,
      penalty,
      gradientNorm,
      updateNorm: this.#options.learningRate * direction,
      images: this.#order.position - position,
    };
  }

  /**
   * The mean over `count` random micro-batches of || d L_M / d theta ||^2 of the loss without penalty, with batch
   * statistics but without touching the running ones: the paper's average micro-batch gradient norm, squared.
   */
  async microBatchGradientNorm2(count: number): Promise<number> {
    this.#model.train();
    let total = 0;
    for (let i = 0; i < count; i++) {
      const batch = imageBatch(this.#train, this.#measureOrder.take(this.#options.microBatch));
      total += await (await this.#measure(...batch)).item();
    }
    return total / count;
  }

  /**
   * || d L_M / d theta || of one random micro-batch: what another run can take its step lengths from. Which images is a
   * function of seed and update, so that recording changes nothing else.
   */
  async recordableNorm(): Promise<number> {
    this.#model.train();
    const { microBatch } = this.#options;
    this.#recordOrder.position = this.#updates * microBatch;
    const batch = imageBatch(this.#train, this.#recordOrder.take(microBatch));
    return Math.sqrt(await (await this.#measure(...batch)).item());
  }

  /** Loss and accuracy over a whole set, with the running statistics. */
  async evaluate(set: ImageSet): Promise<Evaluation> {
    this.#model.eval();
    let right = 0;
    let loss = 0;
    for (let start = 0; start < set.count; start += evaluationBatch) {
      const indices = Array.from(
        { length: Math.min(evaluationBatch, set.count - start) },
        (_, i) => start + i,
      );
      const [hits, losses] = await this.#evaluate(...imageBatch(set, indices));
      right += await hits.item();
      loss += await losses.item();
    }
    return { accuracy: right / set.count, loss: loss / set.count };
  }

  /** Compiled micro-batches by their place in the mini-batch: the first starts the sums, the last makes the update. */
  #compileMicro(normalize: (pixels: Tensor) => Tensor): (place: Place) => CompiledMicro {
    const { method, augmentation } = this.#options;
    const model = this.#model;
    const recorded = this.#recorded;
    const parameters = model.parameters();
    const draws = randomDraws(this.#draws);
    /** Loss, penalty, length and gradients of the micro-batches so far. */
    const sums = [
      tensor(0),
      tensor(0),
      tensor(0),
      ...parameters.map(({ size, shape }) => tensor(new Float32Array(size), { shape })),
    ];

    const record = ({ first, last, drawn, divisor }: Place, pixels: Tensor, labels: Tensor): Tensor[] => {
      const settings = { ...this.#options, microBatches: divisor };
      const x = normalize(augment(pixels, augmentation, this.#augmenting));
      const step = microStep(settings, forwardPass(model, x, labels, draws), { drawn });
      const parts = [step.loss, step.penalty ?? zeros([]), step.length ?? zeros([]), ...step.gradients];
      const totals = first ? parts : parts.map((part, i) => add(sums[i], part));
      if (!last) {
        sums.forEach((state, i) => {
          assign(state, totals[i]);
        });
        return [];
      }
      const [loss, penalty, length, ...gradients] = totals;
      const direction = update(method, gradients, { length, recorded });
      this.#optimizer.step(direction);
      const norm = sqrt(squaredNorm(gradients));
      const rescaled = direction.some((d, i) => d !== gradients[i]);
      return [loss, penalty, norm, rescaled ? sqrt(squaredNorm(direction)) : norm];
    };
    const compiled = new Map<string, CompiledMicro>();
    return (place) => {
      const key = JSON.stringify(place);
      const known = compiled.get(key) ?? compile((pixels, labels) => record(place, pixels, labels));
      compiled.set(key, known);
      return known;
    };
  }
}

/** Where in its mini-batch a micro-batch is. */
interface Place {
  readonly first: boolean;
  readonly last: boolean;
  /** Whether it is the one drawn for this update. */
  readonly drawn: boolean;
  /** By what its mean gradient is divided: K. */
  readonly divisor: number;
}

type CompiledMicro = (pixels: Tensor, labels: Tensor) => Promise<Tensor[]>;
