/** SVG to PNG, where the optional package for it is installed. */

/** Pixels of the PNG for one of the SVG: sharp on dense screens and in print. */
const zoom = 2;

/**
 * The picture as a PNG file of twice its size. Nothing where @resvg/resvg-js is not installed: a report has its SVG
 * without it. Text is set in a font of the system.
 */
export async function pngOfSvg(svg: string): Promise<Uint8Array | undefined> {
  const resvg = await import('@resvg/resvg-js').catch(() => undefined);
  if (!resvg) return undefined;
  const picture = new resvg.Resvg(svg, {
    fitTo: { mode: 'zoom', value: zoom },
    font: { defaultFontFamily: 'DejaVu Sans', sansSerifFamily: 'DejaVu Sans' },
  });
  return picture.render().asPng();
}
