/** Consumers that run at once on one project, while events arrive: one builds, the others stand by, all end well. */
import { describe, expect, it } from 'vitest';
import { isBuilt } from '../support/cli-process.js';
import {
  appendMixed,
  CAUGHT_UP,
  catchUp,
  expectClosed,
  pause,
  startConsumer,
  verify,
  violentProject,
} from '../support/violent-project.js';

describe.skipIf(!isBuilt())('several consumers (need npm run build)', () => {
  it.each([2, 3])('%i at once lose and double nothing', { timeout: 300_000 }, async (count) => {
    const dir = await violentProject({ events: 200, seed: 5 });
    const consumers = [];
    let sent = 200;
    const endless = startConsumer(dir);
    for (let n = 0; n < count; n++) {
      consumers.push(startConsumer(dir, CAUGHT_UP));
      await appendMixed(dir, { events: 60, seed: 50 + n, prefix: `late${n}-` });
      sent += 60;
      await pause(200);
      // The account is taken while they are at work.
      await expectClosed(dir, `${n + 1} started`);
    }
    for (const consumer of consumers) {
      const end = await consumer.ended;
      expect(end, end.stderr).toMatchObject({ code: 0 });
    }
    endless.child.kill('SIGTERM');
    await endless.ended;
    await catchUp(dir);
    const account = await verify(dir);
    expect(account).toMatchObject({ closed: true, inFlight: [], totals: { bronze: sent, processed: sent, pending: 0 } });
  });
});
