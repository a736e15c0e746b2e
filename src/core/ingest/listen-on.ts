/** Listens on every address that a host name stands for, on one port. */
import { lookup } from 'node:dns/promises';
import type { AddressInfo, Server } from 'node:net';

const BACKLOG = 4096;

const listen = (server: Server, host: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off('error', reject);
      // A connection that cannot be taken (no file descriptors left) must not end the process.
      server.on('error', () => undefined);
      resolve((server.address() as AddressInfo).port);
    });
  });

/**
 * Port 0 takes a free one, the same for every address. A name's second address (`::1` of localhost) may be missing on this machine.
 * Rejects with the system's error; nothing is left open then.
 */
export async function listenOn<S extends Server>(
  host: string,
  port: number,
  createServer: () => S,
): Promise<{ readonly servers: readonly S[]; readonly port: number }> {
  const addresses = [...new Set((await lookup(host, { all: true, verbatim: true })).map(({ address }) => address))];
  const servers: S[] = [];
  let bound = port;
  for (const address of addresses) {
    const server = createServer();
    try {
      bound = await listen(server, address, bound);
      servers.push(server);
    } catch (error) {
      if (servers.length > 0 && /EADDRNOTAVAIL|EAFNOSUPPORT/.test(String(error))) continue;
      for (const open of servers) open.close();
      throw error;
    }
  }
  return { servers, port: bound };
}
