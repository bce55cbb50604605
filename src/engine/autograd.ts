/** Reverse-mode differentiation. It records ordinary operations, so what it returns can be differentiated again. */
import { add } from './ops/elementwise.ts';
import { unchanged } from './ops/view.ts';
import { formatShape, ShapeError, sameShape } from './shape.ts';
import type { Node } from './tape.ts';
import { checkTensorList, checkTensors, full, Tensor, zeros } from './tensor.ts';

/**
 * The gradients of `output` with respect to `inputs`: for scalar output y, dy/dx with x's shape, for every x.
 * They are tensors like any other: call `grad` on them for higher orders (PyTorch's `autograd.grad` with
 * `create_graph=True`, always).
 *
 * An input that the output does not depend on gets zeros. Comparisons have derivative zero; a conversion to an integer
 * or an arg-max on the way is an error that names it. A non-scalar output needs `outputGradient`, of its shape:
 * the result is then the vector-Jacobian product.
 */
export function grad(output: Tensor, input: Tensor, outputGradient?: Tensor): Tensor;
export function grad(output: Tensor, inputs: readonly Tensor[], outputGradient?: Tensor): Tensor[];
export function grad(
  output: Tensor,
  inputs: Tensor | readonly Tensor[],
  outputGradient?: Tensor,
): Tensor | Tensor[] {
  const wanted = inputs instanceof Tensor ? [inputs] : inputs;
  checkTensors('grad', { output });
  checkTensorList('grad', 'inputs', wanted);
  if (outputGradient !== undefined) checkTensors('grad', { outputGradient });
  const gradients = backward(output, wanted, outputGradient ?? ownGradient(output));
  return inputs instanceof Tensor ? gradients[0] : gradients;
}

function ownGradient(output: Tensor): Tensor {
  if (output.size !== 1) {
    throw new ShapeError(
      `grad: the output has shape ${formatShape(output.shape)}; expected a scalar. ` +
        'Reduce it (sum, mean) or pass outputGradient, a tensor of its shape.',
    );
  }
  return full(output.shape, 1);
}

function backward(output: Tensor, wanted: readonly Tensor[], outputGradient: Tensor): Tensor[] {
  if (output.dtype !== 'f32') {
    throw new TypeError(
      `grad: the output is ${output.dtype} (from ${output.node.operation.name}); only f32 has gradients.`,
    );
  }
  for (const input of wanted) {
    if (input.dtype !== 'f32') {
      throw new TypeError(
        `grad: an input of shape ${formatShape(input.shape)} is ${input.dtype}; only f32 has gradients.`,
      );
    }
  }
  if (!sameShape(outputGradient.shape, output.shape) || outputGradient.dtype !== 'f32') {
    throw new ShapeError(
      `grad: outputGradient is ${outputGradient.dtype}${formatShape(outputGradient.shape)}, ` +
        `expected f32${formatShape(output.shape)} like the output.`,
    );
  }
  const path = nodesBetween(output.node, wanted);
  const gradients = new Map<Node, Tensor>([[output.node, unchanged(outputGradient)]]);
  for (const node of [...path].reverse()) {
    const handles = node.inputs.map((input) => new Tensor(input));
    const g = gradients.get(node);
    node.inputs.forEach((input, i) => {
      const rule = node.operation.gradients[i];
      if (!path.has(input) || rule === 'zero') return;
      if (rule === 'none') {
        throw new Error(
          `grad: ${node.operation.name} has no derivative with respect to its input ${i} ` +
            `(${input.dtype}${formatShape(input.shape)}), and the output depends on the input through it. ` +
            'Use detach() to stop the gradient there on purpose.',
        );
      }
      if (g === undefined || input.dtype !== 'f32') return;
      const part = rule(g, handles, new Tensor(node));
      const sum = gradients.get(input);
      gradients.set(input, sum === undefined ? part : add(sum, part));
    });
  }
  return wanted.map((input) => gradients.get(input.node) ?? zeros(input.shape));
}

/**
 * The nodes that lie between the wanted inputs and the output, inputs first. Depth first with an explicit stack:
 * the tape may be a hundred thousand nodes deep.
 */
function nodesBetween(output: Node, wanted: readonly Tensor[]): Set<Node> {
  const targets = new Set(wanted.map((input) => input.node));
  const path = new Set<Node>();
  const seen = new Set<Node>();
  const stack: { node: Node; next: number }[] = [{ node: output, next: 0 }];
  seen.add(output);
  while (stack.length > 0) {
    const frame = stack[stack.length - 1];
    const { node } = frame;
    if (frame.next < node.inputs.length) {
      const i = frame.next++;
      const input = node.inputs[i];
      if (!seen.has(input) && node.operation.gradients[i] !== 'zero') {
        seen.add(input);
        stack.push({ node: input, next: 0 });
      }
      continue;
    }
    stack.pop();
    checkHasTape(node, targets);
    checkNotReplaced(node, wanted);
    const onPath = node.inputs.some((input, i) => path.has(input) && node.operation.gradients[i] !== 'zero');
    if (onPath || targets.has(node)) path.add(node);
  }
  return path;
}

/** Behind a value that was computed without the tape there may be a wanted input: zeros could be silently wrong. */
function checkHasTape(node: Node, targets: ReadonlySet<Node>): void {
  if (node.origin === undefined || targets.has(node)) return;
  throw new Error(
    `grad: the output depends on ${node.origin} (${node.dtype}${formatShape(node.shape)}), which has no tape. ` +
      'Take the gradient inside that function, or use detach() to treat the value as a constant.',
  );
}

/** A parameter that was assigned after the output was recorded is another node: zeros would be silently wrong. */
function checkNotReplaced(node: Node, wanted: readonly Tensor[]): void {
  const owner = node.owner?.deref();
  if (owner === undefined || owner.node === node || !wanted.includes(owner)) return;
  throw new Error(
    `grad: the output was recorded before the last assign to this tensor of shape ${formatShape(node.shape)}. ` +
      'Call grad before the update, or record the output again.',
  );
}
