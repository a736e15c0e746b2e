/** Ports of 127.0.0.1 for services that are started on a port given beforehand, and on the same one again after a kill. */
import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Below the range from which systems take the ports of outgoing connections: none of these may hold a killed service's port. */
const FIRST = 12_000;
const BEYOND = 32_000;

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

/** Held at the same time, so that no two are the same. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const held = new Map<number, Server>();
  while (held.size < count) {
    const port = randomInt(FIRST, BEYOND);
    const server = await listening(port);
    if (server) held.set(port, server);
  }
  for (const server of held.values()) await new Promise((resolve) => server.close(resolve));
  return [...held.keys()];
}

/** null when somebody has the port. */
const listening = (port: number): Promise<Server | null> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
