/** What all layers and models share: named parameters, buffers and children, found in the order they were registered. */
import { checkFlag, checkFunction, refuse } from '../engine/arguments.ts';
import { state, type Tensor } from '../engine/index.ts';
import { checkTensors } from '../engine/tensor.ts';
import { type LoadResult, loadState, type StateValues } from './state.ts';

/**
 * A function of tensors with state (PyTorch's `nn.Module`). A subclass registers its own state in its constructor:
 *
 *     readonly weight = this.parameter('weight', initialValue);
 *     readonly conv1 = this.child('conv1', new Conv2d(...));
 */
export abstract class Module {
  #training = true;
  #statisticsFrozen = false;
  #repeating = false;
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #children = new Map<string, Module>();

  abstract forward(x: Tensor): Tensor;

  /** Whether layers that differ, such as batch norm and dropout, behave as in training. */
  get training(): boolean {
    return this.#training;
  }

  /** Whether batch norm leaves its running statistics as they are. */
  get statisticsFrozen(): boolean {
    return this.#statisticsFrozen;
  }

  /** Whether this is a forward pass of images that have been passed before: dropout takes the masks of that pass. */
  get repeating(): boolean {
    return this.#repeating;
  }

  /** Switches this module and all below it to training behaviour. */
  train(training = true): this {
    checkFlag('train', 'training', training);
    for (const module of this.modules()) module.#training = training;
    return this;
  }

  /** Switches this module and all below it to evaluation behaviour. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Runs `record`, which records forward passes, with running statistics left untouched: batch norm in training still
   * normalises with the batch's own statistics. For measuring a model without disturbing it.
   */
  withFrozenStatistics<Result>(record: () => Result): Result {
    checkFunction('withFrozenStatistics', 'record', record);
    const thawed = this.modules().filter((module) => !module.#statisticsFrozen);
    for (const module of thawed) module.#statisticsFrozen = true;
    try {
      return record();
    } finally {
      for (const module of thawed) module.#statisticsFrozen = false;
    }
  }

  /**
   * Runs `record`, which records the last forward pass once more, with other parameters: running statistics are left
   * untouched, and dropout takes the masks of the last pass instead of drawing new ones.
   */
  repeatingPass<Result>(record: () => Result): Result {
    checkFunction('repeatingPass', 'record', record);
    const modules = this.modules().filter((module) => !module.#repeating);
    for (const module of modules) module.#repeating = true;
    try {
      return this.withFrozenStatistics(record);
    } finally {
      for (const module of modules) module.#repeating = false;
    }
  }

  /** This module and all below it, each once and before its children. */
  modules(): Module[] {
    return [...this.#prefixes().keys()];
  }

  /**
   * What an optimiser moves, by its PyTorch name: `layer1.0.conv1.weight`. A parameter of a module that is used twice
   * comes once, by its first name, as in PyTorch; `stateDict` has every name.
   */
  namedParameters(): Map<string, Tensor> {
    return this.#firstNames((module) => module.#parameters);
  }

  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** State that is not learned by gradients, such as running statistics: each tensor once, by its first name. */
  namedBuffers(): Map<string, Tensor> {
    return this.#firstNames((module) => module.#buffers);
  }

  /** Parameters and buffers with PyTorch's names, in its order. They are the live tensors, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#names(''));
  }

  /**
   * Assigns values to parameters and buffers by name. By default every name must be there and known; with
   * `strict: false` what fits is loaded and the rest reported. A shape that differs is always an error.
   */
  loadStateDict(values: StateValues, options: { readonly strict?: boolean } = {}): LoadResult {
    return loadState('loadStateDict', this.stateDict(), values, options);
  }

  /** Registers a parameter that starts as `initial`; to be called in the constructor, in PyTorch's order. */
  protected parameter(name: string, initial: Tensor): Tensor {
    checkTensors('Module', { [name]: initial });
    return register(this.#parameters, name, state(initial));
  }

  /** Registers a buffer that starts as `initial`. */
  protected buffer(name: string, initial: Tensor): Tensor {
    checkTensors('Module', { [name]: initial });
    return register(this.#buffers, name, state(initial));
  }

  protected child<Child extends Module>(name: string, module: Child): Child {
    checkModule('Module', name, module);
    return register(this.#children, name, module);
  }

  /** Every name of every tensor. */
  #names(prefix: string): (readonly [string, Tensor])[] {
    return [
      ...[...this.#parameters, ...this.#buffers].map(([name, value]) => [prefix + name, value] as const),
      ...[...this.#children].flatMap(([name, child]) => child.#names(`${prefix}${name}.`)),
    ];
  }

  /** Each tensor of a kind once, by its first name. */
  #firstNames(tableOf: (module: Module) => ReadonlyMap<string, Tensor>): Map<string, Tensor> {
    const names = new Map<Tensor, string>();
    for (const [module, prefix] of this.#prefixes()) {
      for (const [name, value] of tableOf(module)) if (!names.has(value)) names.set(value, prefix + name);
    }
    return new Map([...names].map(([value, name]) => [name, value]));
  }

  /** This module and all below it, with what comes before their own names where they are met first. */
  #prefixes(prefix = '', found = new Map<Module, string>()): Map<Module, string> {
    if (found.has(this)) return found;
    found.set(this, prefix);
    for (const [name, child] of this.#children) child.#prefixes(`${prefix}${name}.`, found);
    return found;
  }
}

function register<Base, Value extends Base>(table: Map<string, Base>, name: string, value: Value): Value {
  if (table.has(name)) throw new Error(`Module: "${name}" is registered twice.`);
  table.set(name, value);
  return value;
}

export function checkModule(owner: string, what: string, module: unknown): void {
  if (!(module instanceof Module)) refuse(owner, what, module, 'a module');
}
