/** Labels beside points, moved so that they hide neither each other nor a point. Lengths in pixels. */

export interface Anchor {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

export interface Label {
  readonly text: string;
  /** Left end, and the middle of its height. */
  readonly x: number;
  readonly y: number;
  /** The end near the point. */
  readonly nearX: number;
  readonly anchorX: number;
  readonly anchorY: number;
  /** Whether it lies so far from its point that a line should join them. */
  readonly moved: boolean;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Of a point's middle from where its label begins. */
const distance = 9;
const pointRadius = 5;
/** Lines of text that a label may move up or down. */
const farthest = 40;

/** @param options size of the letters, and the edge that no label may cross. */
export function placeLabels(
  anchors: readonly Anchor[],
  { size, right }: { readonly size: number; readonly right: number },
): Label[] {
  const taken: Box[] = anchors.map(({ x, y }) => box(x - pointRadius, y, 2 * pointRadius, pointRadius));
  // From the top: neighbours in the list are neighbours in the figure.
  const order = [...anchors].sort((a, b) => a.y - b.y);
  return order.map(({ text, x: anchorX, y: anchorY }) => {
    const length = 0.56 * size * text.length;
    const x = anchorX + distance + length <= right ? anchorX + distance : anchorX - distance - length;
    const places = Array.from({ length: 2 * farthest + 1 }, (_, i) => {
      const lines = i % 2 === 0 ? i / 2 : -(i + 1) / 2;
      return box(x, anchorY + 0.5 * size * lines, length, 0.55 * size);
    });
    const place = places.find((candidate) => !taken.some((other) => overlap(candidate, other))) ?? places[0];
    taken.push(place);
    const y = (place.top + place.bottom) / 2;
    const nearX = x > anchorX ? x : x + length;
    return { text, x, y, nearX, anchorX, anchorY, moved: Math.abs(y - anchorY) > size };
  });
}

function box(left: number, middle: number, length: number, halfHeight: number): Box {
  return { left, right: left + length, top: middle - halfHeight, bottom: middle + halfHeight };
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
