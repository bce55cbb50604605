/** What an adapter is, told from the names it gives itself: WebGPU hides the kind of device. */

type Names = Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'>;

/** Whether an adapter computes on the CPU. */
export function isSoftwareAdapter(info: Names & Pick<GPUAdapterInfo, 'isFallbackAdapter'>): boolean {
  const names = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`;
  return (
    info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic.render|\bsoftware\b|\bcpu\b/i.test(names)
  );
}

/** The device as its driver calls it; browsers tell less: then the vendor and the architecture. */
export function adapterName(info: Names): string {
  return info.device.replace(/-+$/, '') || `${info.vendor} ${info.architecture}`.trim() || 'unnamed adapter';
}
