/** The committed PyTorch fixtures on both executors, and files that are no fixtures. */
import { readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { setDevice } from '../src/engine/index.ts';
import { mainMethods } from '../src/experiments/methods.ts';
import { type ParityResult, runParityCase } from '../src/experiments/parity.ts';
import { parseSafetensors, type RawTensor, serializeSafetensors } from '../src/nn/safetensors.ts';
import { devices, reference } from './devices.ts';

const folder = new URL('parity/', import.meta.url);
const files = readdirSync(folder).sort();
const bytesOf = (file: string): Uint8Array => readFileSync(new URL(file, folder));
const errorsOf = ({ loss, penalty, microNorm2, grad, after }: ParityResult) => [
  loss,
  penalty,
  microNorm2,
  grad,
  after,
];

describe('the fixtures', () => {
  it('are four models with six methods each', () => {
    const expected = ['mlp', 'resnet', 'vgg', 'vggbn'].flatMap((model) =>
      mainMethods.map((method) => `${model}-${method.toLowerCase()}.safetensors`),
    );
    expect(files).toEqual(expected.sort());
  });
});

describe.each(devices)('on $name', ({ device }) => {
  const tolerance = device.kind === 'gpu' ? 2e-4 : 1e-6;
  beforeEach(() => setDevice(device));

  it.each(files)('%s', async (file) => {
    const result = await runParityCase(bytesOf(file), file);
    const [, name, method] = /^((?:\w+)-(\w+))\.safetensors$/.exec(file) ?? [];
    expect(result).toMatchObject({ case: name, method: method.toUpperCase() });
    expect(Math.max(...errorsOf(result)), JSON.stringify(result)).toBeLessThanOrEqual(tolerance);
    expect(Math.min(...errorsOf(result))).toBeGreaterThanOrEqual(0);
  });
});

describe('a fixture with other numbers', () => {
  beforeEach(() => setDevice(reference));

  /** mlp-gn with one number of one tensor moved by a thousandth of the tensor's largest. */
  async function resultWith(name: string): Promise<number[]> {
    const bytes = spoiled('mlp-gn', ({ tensors }) => {
      const { data } = tensorOf(tensors, name);
      const most = Math.max(...Array.from(data as ArrayLike<number>, Math.abs));
      data[0] = Number(data[0]) + 1e-3 * most;
    });
    return errorsOf(await runParityCase(bytes, 'x'));
  }

  it.each([
    ['expect/loss', 0],
    ['expect/penalty', 1],
    ['expect/micro_norm2', 2],
    ['expect/grad/net.0.weight', 3],
    ['expect/after/net.2.bias', 4],
  ])('in %s is found, and nowhere else', async (name, at) => {
    const errors = await resultWith(name);
    expect(errors[at]).toBeGreaterThan(1e-5);
    expect(Math.max(...errors.filter((_, i) => i !== at))).toBeLessThanOrEqual(1e-6);
  });

  it('among its inputs changes what comes out', async () => {
    for (const name of ['x', 'init/net.0.weight']) {
      expect(Math.max(...(await resultWith(name)))).toBeGreaterThan(1e-5);
    }
  });

  it('takes the sampled labels and unit vectors from the file', async () => {
    const labels = spoiled('mlp-ft', ({ tensors }) => {
      const { data } = tensorOf(tensors, 'sampled_labels');
      data.fill(data[0] as never);
    });
    const [loss, penalty] = errorsOf(await runParityCase(labels, 'x'));
    expect(loss).toBeLessThan(1e-6);
    expect(penalty).toBeGreaterThan(0.01);
    const unit = spoiled('mlp-uj', ({ tensors }) => {
      const { data } = tensorOf(tensors, 'unit') as { data: Float32Array };
      data.reverse();
    });
    expect((await runParityCase(unit, 'x')).penalty).toBeGreaterThan(0.01);
  });

  it('is named by its file where the spec has no name', async () => {
    const bytes = withSpec('mlp-lb', ({ name: _, ...spec }) => spec);
    expect((await runParityCase(bytes, 'some/where')).case).toBe('some/where');
  });

  it('that are not numbers is never within any tolerance', async () => {
    const bytes = spoiled('mlp-gn', ({ tensors }) => {
      tensorOf(tensors, 'init/net.0.weight').data[0] = Number.NaN;
    });
    for (const error of errorsOf(await runParityCase(bytes, 'x'))) expect(error <= 1e300).toBe(false);
  });
});

describe('a file that is no fixture', () => {
  beforeEach(() => setDevice(reference));
  const sentence = async (bytes: Uint8Array): Promise<string> => {
    const error = await runParityCase(bytes, 'the-file').then(
      () => new Error('it was accepted'),
      (thrown: Error) => thrown,
    );
    return error.message;
  };
  const shouldBe =
    "the-file: the metadata 'spec' should be JSON with model, method, micro_batch, k, lam and lr; ";

  it('is cut off or empty', async () => {
    const whole = bytesOf('mlp-gn.safetensors');
    for (const length of [0, 4, 100, whole.length - 1]) {
      const text = await sentence(whole.subarray(0, length));
      expect(text).toMatch(/^the-file: .*(cut off|short|bytes|length).*\.$/);
    }
  });

  it('has no spec, or one that is not JSON', async () => {
    expect(await sentence(spoiled('mlp-gn', ({ metadata }) => delete metadata.spec))).toMatch(
      `${shouldBe}'micro_batch' is undefined`,
    );
    for (const spec of ['', '{"k": 1', 'hello']) {
      const bytes = spoiled('mlp-gn', ({ metadata }) => {
        metadata.spec = spec;
      });
      expect(await sentence(bytes)).toBe(`${shouldBe}it is not JSON.`);
    }
    expect(await sentence(withSpec('mlp-gn', () => null))).toContain(shouldBe);
    expect(await sentence(withSpec('mlp-gn', () => 7))).toContain(shouldBe);
  });

  it.each([
    ['k', 0, "'k' is 0, expected a whole number from 1 on."],
    ['k', 1.5, "'k' is 1.5, expected a whole number from 1 on."],
    ['micro_batch', -4, "'micro_batch' is -4, expected a whole number from 1 on."],
    ['lam', '0.1', `'lam' is "0.1", expected a number.`],
    ['lr', null, "'lr' is null, expected a number."],
    ['method', 'XY', 'the method is "XY", not one of SB, LB, GN, FT, AJ, UJ.'],
    ['method', 'toString', 'the method is "toString", not one of'],
    ['model', {}, 'the model is {}.'],
  ])('has a spec whose %s is %j', async (field, value, problem) => {
    const text = await sentence(withSpec('mlp-gn', (spec) => ({ ...spec, [field]: value })));
    expect(text).toContain(shouldBe + problem);
  });

  it('describes a model that there is not', async () => {
    const withModel = (model: unknown) => sentence(withSpec('mlp-gn', (spec) => ({ ...spec, model })));
    expect(await withModel({ family: 'transformer' })).toBe(
      "the-file: The model family 'transformer' is not known; expected resnet, vgg or mlp.",
    );
    expect(await withModel({ family: 'constructor' })).toContain("family 'constructor' is not known");
    expect(await withModel({ family: 'resnet', classes: 3 })).toBe(
      'the-file: The model, a resnet, is described without widths, blocks.',
    );
    expect(
      await withModel({ family: 'mlp', inputs: 4, hidden: [2], classes: 3, activation: 'step' }),
    ).toMatch(/^the-file: mlp: activation is "step", expected one of relu, tanh, gelu\.$/);
  });

  it.each([
    ['mlp-gn', 'x'],
    ['mlp-gn', 'y'],
    ['mlp-ft', 'sampled_labels'],
    ['mlp-uj', 'unit'],
    ['mlp-gn', 'expect/loss'],
    ['mlp-gn', 'expect/penalty'],
    ['mlp-gn', 'expect/micro_norm2'],
  ])('%s lacks %s', async (file, name) => {
    const text = await sentence(spoiled(file, ({ tensors }) => tensors.delete(name)));
    const method = file.slice(4).toUpperCase();
    expect(text).toBe(`the-file: the tensor '${name}' is missing; a ${method} fixture needs it.`);
  });

  it('lacks a weight, or an expected value of one', async () => {
    expect(await sentence(spoiled('mlp-gn', ({ tensors }) => tensors.delete('init/net.0.bias')))).toBe(
      'the-file: the initial weights do not fit the model: missing net.0.bias, unexpected none.',
    );
    for (const group of ['grad', 'after']) {
      const bytes = spoiled('mlp-gn', ({ tensors }) => tensors.delete(`expect/${group}/net.0.bias`));
      expect(await sentence(bytes)).toBe('the-file: expected values are missing for net.0.bias.');
    }
  });

  it('has a weight too many, or an expected value of one', async () => {
    const extra = (name: string) =>
      sentence(
        spoiled('mlp-gn', ({ tensors }) =>
          tensors.set(name, { dtype: 'F32', shape: [1], data: Float32Array.of(1) }),
        ),
      );
    expect(await extra('init/net.9.bias')).toContain('missing none, unexpected net.9.bias.');
    expect(await extra('expect/grad/net.9.bias')).toBe(
      "the-file: 'net.9.bias' has 1 expected elements, the model has no such tensor.",
    );
  });

  it.each([
    ['mlp-gn', 'x', /'x' has shape \[1,\d+.*\], but the spec asks for \d+ rows\.$/],
    ['mlp-gn', 'y', /'y' has shape \[1\], but the spec asks for \d+ rows\.$/],
    ['mlp-ft', 'sampled_labels', /'sampled_labels' has shape \[1\], but the spec asks for \d+ rows\.$/],
    ['mlp-uj', 'unit', /'unit' has shape \[1,\d+\], but the spec asks for \d+ rows\.$/],
    ['mlp-gn', 'expect/micro_norm2', /'expect\/micro_norm2' has shape \[1\], but the spec asks for \d+ rows/],
    ['mlp-gn', 'init/net.0.weight', /"net\.0\.weight" has shape \[\d+,\d+\], but the given value has/],
    [
      'mlp-gn',
      'expect/grad/net.0.weight',
      /'net\.0\.weight' has \d+ expected elements, the model has \d+\.$/,
    ],
  ])('%s has a %s of the wrong shape', async (file, name, expected) => {
    // Only the first row is left.
    const text = await sentence(
      spoiled(file, ({ tensors }) => {
        const { dtype, shape, data } = tensorOf(tensors, name);
        const row = data.slice(0, data.length / shape[0]) as RawTensor['data'];
        tensors.set(name, { dtype, shape: [1, ...shape.slice(1)], data: row });
      }),
    );
    expect(text).toMatch(/^the-file: /);
    expect(text).toMatch(expected);
  });

  it('has images that do not fit the model', async () => {
    const text = await sentence(
      spoiled('resnet-gn', ({ tensors }) => {
        const x = tensorOf(tensors, 'x');
        const [n, c, h, w] = x.shape;
        tensors.set('x', { ...x, shape: [n, 1, c * h, w] });
      }),
    );
    expect(text).toMatch(/^the-file: .*conv2d.*\.$/i);
  });
});

type Fixture = ReturnType<typeof parseSafetensors>;

/** A committed fixture after `change`. */
function spoiled(name: string, change: (fixture: Fixture) => unknown): Uint8Array {
  const fixture = parseSafetensors(bytesOf(`${name}.safetensors`));
  change(fixture);
  return serializeSafetensors(fixture.tensors, fixture.metadata);
}

function withSpec(name: string, change: (spec: Record<string, unknown>) => unknown): Uint8Array {
  return spoiled(name, ({ metadata }) => {
    metadata.spec = JSON.stringify(change(JSON.parse(metadata.spec)));
  });
}

function tensorOf(tensors: Fixture['tensors'], name: string): RawTensor {
  const found = tensors.get(name);
  if (!found) throw new Error(`The fixture has no ${name}.`);
  return found;
}
