// Appends to the embedded log from a process of its own, and prints one line for each acknowledged append. Run against dist.
// argv: log file, writer's name, number of appends (0 = until killed), records in each.
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [file, name, appends, batch] = process.argv.slice(2);
const { openEmbeddedLog } = await import(pathToFileURL(path.resolve('dist/core/log/embedded-log.js')).href);
const log = await openEmbeddedLog({ path: file, clock: { nowMs: () => Date.now() } });
await log.ensureTopic('t', 3);
for (let n = 0; Number(appends) === 0 || n < Number(appends); n++) {
  const records = Array.from({ length: Number(batch) }, (_, i) => ({
    key: Buffer.from(`${name}:${n}:${i}`),
    value: Buffer.from(`${name}:${n}:${i}:`.padEnd(400, 'x')),
    headers: [{ key: 'writer', value: Buffer.from(name) }],
  }));
  const positions = await log.append('t', records);
  process.stdout.write(`${JSON.stringify({ n, positions: positions.map((p) => [p.partition, p.offset]) })}\n`);
}
await log.close();
