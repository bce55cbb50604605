/**
 * Configurations by name: `DATA-MODEL-METHOD` with the learning rates and lambdas in the README of the authors' released code,
 * and small ones for the shipped images. The batches of VGG-11 are inferred from its micro-batch sizes, which divide 5000; those
 * of VGG-16 are the released code's defaults. Steps are the released code's default.
 */

type Rates = Readonly<Record<string, readonly [learningRate: number, lambda?: number]>>;

interface Family {
  readonly data: string;
  readonly model: string;
  readonly batch: number;
  readonly microBatch: number;
  readonly steps: number;
  readonly evaluateEvery: number;
  readonly validationImages?: number;
}

const cifar = { steps: 5000, evaluateEvery: 20, validationImages: 10_000 };

const families: readonly (readonly [name: string, family: Family, rates: Rates])[] = [
  [
    'cifar10-resnet18',
    { ...cifar, data: 'cifar10', model: 'resnet18', batch: 5120, microBatch: 128 },
    {
      SB: [0.1],
      LB: [0.1],
      GN: [0.1, 0.01],
      FT: [0.1, 0.01],
      AJ: [0.1, 0.001],
      UJ: [0.1, 0.001],
      IterGraft: [0.1],
      NGD: [0.2626],
    },
  ],
  [
    'cifar100-resnet18',
    { ...cifar, data: 'cifar100', model: 'resnet18', batch: 5120, microBatch: 128 },
    {
      SB: [0.1],
      LB: [0.5],
      GN: [0.1, 0.01],
      FT: [0.1, 0.01],
      AJ: [0.1, 5e-5],
      UJ: [0.1, 0.001],
      IterGraft: [0.1],
      NGD: [0.3951],
    },
  ],
  [
    'cifar10-vgg11',
    { ...cifar, data: 'cifar10', model: 'vgg11', batch: 5000, microBatch: 100 },
    {
      SB: [0.15],
      LB: [0.01],
      GN: [0.01, 0.5],
      FT: [0.01, 0.5],
      AJ: [0.01, 2e-5],
      SampleGN: [0.01, 0.5],
    },
  ],
  [
    'optdigits-resnet',
    {
      data: 'optdigits',
      model: 'resnet[4,8]',
      batch: 48,
      microBatch: 16,
      steps: 160,
      evaluateEvery: 16,
      validationImages: 500,
    },
    { SB: [1], LB: [1], GN: [1, 0.05], FT: [1, 0.05], AJ: [1, 0.001], UJ: [1, 0.03] },
  ],
];

/** By name; each lacks nothing that a configuration needs. */
export const presets: Readonly<Record<string, unknown>> = Object.fromEntries(
  families.flatMap(([name, family, rates]) =>
    Object.entries(rates).map(([method, [learningRate, lambda]]) => [
      `${name}-${method.toLowerCase()}`,
      {
        ...family,
        method,
        learningRate,
        ...(lambda === undefined ? {} : { lambda }),
        batch: method === 'SB' ? family.microBatch : family.batch,
      },
    ]),
  ),
);
