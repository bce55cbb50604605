/** An operation whose WGSL is nonsense: the device refuses its kernel after it was handed over. */
import { record, type Tensor } from '../src/engine/tensor.ts';

/** x on the reference executor; on a GPU, an error that names `name`. */
export const refusedOperation = (x: Tensor, name = 'refusedOperation'): Tensor =>
  record(
    {
      name,
      key: name,
      gradients: ['none'],
      reference: ([values]) => values,
      lowering: { kind: 'inline', cost: 1, emit: () => 'thereIsNoSuchFunction()' },
    },
    [x],
    x.shape,
    x.dtype,
  );
