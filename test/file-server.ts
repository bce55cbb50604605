/** A server on this machine for one file, with the faults that servers and connections have. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface ServerBehaviour {
  /** The file; may be changed between requests. */
  content: Buffer;
  etag?: string;
  date?: string;
  /** Whether Range is heeded. */
  ranges?: boolean;
  /** Whether the length is told. */
  tellLength?: boolean;
  /** How many bytes an answer brings before the connection is cut. */
  cutAfter?: number;
  /** How many bytes an answer brings before nothing more comes. */
  silentAfter?: number;
  /** Whether the file comes again and again, until the client hangs up. */
  endless?: boolean;
  /** What to answer instead. */
  status?: number;
  /** How many requests are answered with `status`; all by default. */
  failures?: number;
  location?: string;
  contentRange?: string;
}

export interface FileServer {
  readonly url: string;
  /** The headers of all requests so far. */
  readonly requests: IncomingHttpHeaders[];
}

/** Serves until the test is over. */
export async function serve(behaviour: ServerBehaviour): Promise<FileServer> {
  const requests: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    requests.push(request.headers);
    answer(behaviour, request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests };
}

function answer(
  behaviour: ServerBehaviour,
  { headers, url }: IncomingMessage,
  response: ServerResponse,
  requestsSoFar: number,
): void {
  const { content, etag, date, ranges = true, tellLength = true, status, failures = Infinity } = behaviour;
  if (status !== undefined && requestsSoFar <= failures) {
    response.writeHead(status, behaviour.location ? { location: behaviour.location } : {}).end('sorry');
    return;
  }
  // Without a gzip-ed answer to a request that asks for none, nothing tells whether the body is unpacked on the way.
  if (url?.endsWith('.gz')) response.setHeader('content-encoding', 'gzip');
  if (etag) response.setHeader('etag', etag);
  if (date) response.setHeader('last-modified', date);
  const same = [etag, date].includes(String(headers['if-range']));
  const start = ranges && same ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
  if (start >= content.length && start > 0) {
    response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
    return;
  }
  if (start > 0) {
    response.setHeader(
      'content-range',
      behaviour.contentRange ?? `bytes ${start}-${content.length - 1}/${content.length}`,
    );
  }
  if (tellLength) response.setHeader('content-length', content.length - start);
  response.writeHead(start > 0 ? 206 : 200);
  if (behaviour.endless) {
    repeat(content, response);
    return;
  }
  const stop = behaviour.cutAfter ?? behaviour.silentAfter;
  if (stop === undefined || start + stop >= content.length) {
    response.end(content.subarray(start));
  } else {
    response.write(content.subarray(start, start + stop), () => {
      // What a client has not taken by then it loses.
      if (behaviour.cutAfter !== undefined) setTimeout(() => response.destroy(), 50);
    });
  }
}

function repeat(content: Buffer, response: ServerResponse): void {
  if (!response.destroyed) response.write(content, () => repeat(content, response));
}
