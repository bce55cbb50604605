import { expect, it } from 'vitest';
import { devices } from './devices.ts';
import { fullStep } from './parity-full/formula.ts';

const names = (process.env.NAMES ?? 'vgg11,resnet18').split(',');
for (const { name: d, device } of devices.filter((x) => !process.env.WHICH || x.name === process.env.WHICH))
  it.each(names)(
    `%s ${d}`,
    async (name) => {
      const t = performance.now();
      console.log(
        name,
        d,
        await fullStep(name, device),
        ((performance.now() - t) / 1000).toFixed(1),
        's',
        Math.round(process.memoryUsage().rss / 1e6),
        'MB',
      );
      expect(1).toBe(1);
    },
    600000,
  );
