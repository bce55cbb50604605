/** Thrown by whatever is asked of a GPU device that is lost. */
export class DeviceLostError extends Error {
  constructor(why: string) {
    super(
      `The GPU device is lost (${why}). Values that lay on it are gone; request a new device, hand it to setDevice ` +
        '(requestBrowserDevice in a page, requestNodeDevice in Node), and make them anew.',
    );
  }
}
