import { describe, expect, it } from 'vitest';
import { isBuilt, runCli, type CliEnd } from '../../support/cli-process.js';
import { expireEvents } from '../../support/expire-events.js';
import { DEFAULT_TOPIC, appendEvents, smallProject } from '../../support/small-project.js';
import { verify } from '../../support/violent-project.js';

/** Three partitions: 2 events of each landed, 6 of each in the log; of partition 1 those from 2 to 3 have expired. */
async function truncatedProject(): Promise<{ readonly cwd: string; run(...args: readonly string[]): Promise<CliEnd> }> {
  const cwd = await smallProject(6);
  const run = (...args: readonly string[]): Promise<CliEnd> => runCli(args, { cwd });
  expect(await run('consume', 'run', '--until-caught-up')).toMatchObject({ code: 0 });
  await appendEvents(cwd, 6);
  await appendEvents(cwd, 6);
  expireEvents(cwd, DEFAULT_TOPIC, 1, 4);
  return { cwd, run };
}

describe.skipIf(!isBuilt())('keystone consume accept-loss (needs npm run build)', { timeout: 240_000 }, () => {
  it('leads from a truncated log to a lake that goes on, and names the loss from then on', async () => {
    const { cwd, run } = await truncatedProject();
    const stuck = await run('consume', 'run', '--until-caught-up');
    expect(stuck).toMatchObject({ code: 3, stderr: expect.stringContaining('KS_LOG_TRUNCATED') });
    expect(stuck.stderr).toContain('keystone consume accept-loss --dry-run');
    const status = await run('consume', 'status');
    expect(status.stdout + status.stderr).toMatch(/failed/);
    const open = await run('ledger', 'verify');
    expect(open).toMatchObject({ code: 3, stderr: expect.stringContaining('The account does NOT close (quick).') });
    expect(open.stdout + open.stderr).toMatch(
      /BREAK expired-unread bronze\.events: \S+ partition 1 begins at 4, but bronze ends at 2: at most 2 events \(offsets 2 to 3\)/,
    );
    const refused = await run('consume', 'accept-loss', '--reason', 'INC-7');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("--reason 'INC-7' --yes") });
    const shown = await run('consume', 'accept-loss', '--dry-run');
    expect(shown).toMatchObject({ code: 0, stderr: expect.stringContaining('Dry run. At most 2 events of 1 partition') });
    expect(shown.stdout).toMatch(/partition.*\n.*\b1\b.*\b2\b.*\b4\b.*\b2\b/);
    const accepted = await run('consume', 'accept-loss', '--reason', 'INC-7', '--yes', '--json');
    expect(accepted, accepted.stderr + accepted.stdout).toMatchObject({ code: 0 });
    expect(await run('consume', 'run', '--until-caught-up')).toMatchObject({ code: 0 });
    expect(await verify(cwd)).toMatchObject({
      closed: true,
      totals: { bronze: 16, processed: 16, pending: 0, lostAtMost: 2 },
      losses: [{ topic: DEFAULT_TOPIC, partition: 1, from: 2, toExclusive: 4, eventsAtMost: 2, reason: 'INC-7' }],
    });
    const text = await run('ledger', 'verify');
    expect(text.stdout + text.stderr).toMatch(
      /LOST \S+\/1 2 to 3 expired unread: at most 2 events; accepted 20\S+ by \S+@\S+: INC-7/,
    );
    expect(text.stderr).toContain('The account closes (quick).');
    expect(text.stderr).toContain('At most 2 events expired unread and were given up.');
    const traced = await run('trace', `${DEFAULT_TOPIC}/1/3`);
    expect(traced.stderr).toContain('expired in the log before it was landed; the loss was accepted');
  });
});
