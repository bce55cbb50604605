"""Writes programs.json: random programs of 5 to 30 operations over special values, with what PyTorch makes of them.

    python3 test/programs/programs.py    (PyTorch 1.13)

A program is a list of steps [operation, operand, operand] over tensors numbered from the inputs on. For its last tensor
and for the gradients of that one's sum with respect to the inputs, in float64 and in float32: the values, with null where
the kind of number (NaN, infinite, finite) hangs on the last bits: where it changes if subnormal numbers are flushed, or if
every operation that rounds is off by a few millionths.

Two rules of regrad's own (docs/decisions/0009) are put in PyTorch's place. A derivative that is zero everywhere ends the
path, where PyTorch carries a zero on that NaN and infinity can meet. The gradient of a maximum over a dim goes to the
elements that are it, NaN included, and is zero at the others, where PyTorch multiplies it with a mask. And two places
where this PyTorch is inaccurate in float32 are put right: log1p is infinite from 1e38 on, and the derivative of expm1 is
taken from its rounded result, so 0 below -17.
"""
import json
import math
import random
from pathlib import Path

import torch
import torch.nn.functional as F

SPECIAL = [math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 3e38, -3e38]
PLAIN = [0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 0.25, 1.5, -1.5, 7.0, 100.0, -100.0]


def log1p(x):
    return torch.log1p(x.double()).to(x.dtype)


class Expm1(torch.autograd.Function):
    """exp(x) - 1 with the derivative exp(x)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.expm1(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.exp(x)


class Extreme(torch.autograd.Function):
    """The largest or smallest along dim 1; its gradient is shared by those that are it."""

    @staticmethod
    def forward(ctx, x, of):
        value = of(x, 1, keepdim=True)
        ctx.save_for_backward((x == value) | x.isnan())
        return value

    @staticmethod
    def backward(ctx, g):
        (hits,) = ctx.saved_tensors
        return torch.where(hits, g / hits.sum(1, keepdim=True), torch.zeros_like(g)), None


UNARY = {
    "neg": torch.neg,
    "abs": torch.abs,
    "square": torch.square,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "exp": torch.exp,
    "expm1": Expm1.apply,
    "log": torch.log,
    "log1p": log1p,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "erf": torch.erf,
    "relu": torch.relu,
    "leakyRelu": F.leaky_relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "sign": lambda x: torch.sign(x.detach()),
    "clamp": lambda x: torch.clamp(x, -1, 1),
    "cube": lambda x: x**3,
    "reciprocal": lambda x: 1 / x,
    "double": lambda x: x * 2,
    "half": lambda x: x * 0.5,
    "plusOne": lambda x: x + 1,
    "oneMinus": lambda x: 1 - x,
    "sum": lambda x: x.sum(1, keepdim=True).expand(x.shape),
    "mean": lambda x: x.mean(1, keepdim=True).expand(x.shape),
    "max": lambda x: Extreme.apply(x, torch.amax).expand(x.shape),
    "min": lambda x: Extreme.apply(x, torch.amin).expand(x.shape),
    "softmax": lambda x: torch.softmax(x, 1),
    "logSoftmax": lambda x: torch.log_softmax(x, 1),
    "logSumExp": lambda x: torch.logsumexp(x, 1, keepdim=True).expand(x.shape),
}
BINARY = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "pow": torch.pow,
    "larger": lambda a, b: torch.where(a > b, a, b),
    "unequal": lambda a, b: torch.where(a == b, torch.zeros_like(a), a),
}
EXACT = {"neg", "abs", "relu", "sign", "clamp", "max", "min", "maximum", "minimum", "larger", "unequal"}


class Nudge(torch.autograd.Function):
    """x (1 + by), forward and backward."""

    @staticmethod
    def forward(ctx, x, by):
        ctx.by = by
        return x * (1 + by)

    @staticmethod
    def backward(ctx, g):
        return g * (1 + ctx.by), None


def run(inputs, steps, dtype, nudge=0.0):
    leaves = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in inputs]
    made = list(leaves)
    for at, (name, a, b) in enumerate(steps):
        value = UNARY[name](made[a]) if name in UNARY else BINARY[name](made[a], made[b])
        if nudge and name not in EXACT:
            value = Nudge.apply(value, nudge * (1 + at % 3) * (-1) ** at)
        made.append(value)
    output = made[-1]
    linked = output.requires_grad
    gradients = torch.autograd.grad(output.sum(), leaves, allow_unused=True) if linked else [None] * len(leaves)
    found = [output, *(torch.zeros_like(x) if g is None else g for x, g in zip(leaves, gradients))]
    return [x.detach().double().flatten().tolist() for x in found]


def kind(value):
    if math.isnan(value):
        return "NaN"
    return math.copysign(math.inf, value) if math.isinf(value) else "finite"


def settled(values, others):
    """The values, None where any of the others is of another kind."""
    return [
        [
            value if all(kind(other[i][j]) == kind(value) for other in others) else None
            for j, value in enumerate(row)
        ]
        for i, row in enumerate(values)
    ]


def program(draw):
    inputs = [
        [[draw.choice(SPECIAL if draw.random() < 0.35 else PLAIN) for _ in range(4)] for _ in range(2)]
        for _ in range(draw.randint(1, 3))
    ]
    steps = []
    for at in range(draw.randint(5, 30)):
        count = len(inputs) + at
        recent = [max(0, count - 1 - draw.randint(0, 3)), draw.randrange(count)]
        name = draw.choice(list(UNARY) if draw.random() < 0.5 else list(BINARY))
        steps.append([name, recent[0], recent[1] if name in BINARY else recent[0]])
    return inputs, steps


def written(value):
    if value is None:
        return None
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(f"{value:.4g}")


def results(inputs, steps, dtype):
    values = run(inputs, steps, dtype)
    torch.set_flush_denormal(True)
    flushed = run(inputs, steps, dtype)
    torch.set_flush_denormal(False)
    size = 2e-6 if dtype is torch.float32 else 1e-13
    nudged = [run(inputs, steps, dtype, by) for by in (size, -size)]
    return [[written(v) for v in row] for row in settled(values, [flushed, *nudged])]


def interesting(rows):
    known = [v for row in rows for v in row if v is not None]
    finite = [v for v in known if isinstance(v, float)]
    return len(known) >= 0.6 * sum(map(len, rows)) and len(finite) >= 0.3 * len(known) and len(finite) < len(known)


def main():
    draw = random.Random(2022)
    programs = []
    while len(programs) < 300:
        inputs, steps = program(draw)
        f32 = results(inputs, steps, torch.float32)
        if not interesting(f32):
            continue
        f64 = results(inputs, steps, torch.float64)
        programs.append(
            {"inputs": [[written(v) for row in x for v in row] for x in inputs], "steps": steps, "f64": f64, "f32": f32}
        )
    lines = ",\n".join(json.dumps(p, separators=(",", ":")) for p in programs)
    Path(__file__).with_name("programs.json").write_text(f"[\n{lines}\n]\n")


main()
