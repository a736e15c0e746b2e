import { Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import type { RunServeResult } from '../../core/ingest/run-serve.js';

export default class IngestServe extends KeystoneCommand {
  static override summary = 'Serve gRPC ingestion until stopped';
  static override description = `Takes events over the founding IngestionService and keystone.ingestion.v1, with health v1 and reflection.
An event is acknowledged only once it is durable in the log. Certificates, client certificates, bearer tokens and limits come from ingest.tls, ingest.tokens and ingest.limits (docs/configuration.md);
a renewed certificate is taken up without a restart. SIGTERM or Ctrl-C stops taking calls, finishes what is in flight, and exits.
Under --json the address is told on standard error, {"listening": {"address", "topic"}}, as soon as it listens. Clients without reflection find the services in proto/.`;
  static override examples = [
    '<%= config.bin %> ingest serve',
    '<%= config.bin %> ingest serve --port 0 --linger 5ms',
    '<%= config.bin %> ingest serve --key none --set ingest.maxInFlight=256MiB',
    '<%= config.bin %> ingest serve --set ingest.tls.certificate=server.pem --set ingest.tls.key=server.key',
    '<%= config.bin %> ingest serve --dry-run',
  ];
  static override flags = {
    host: Flags.string({ description: 'address to listen on (ingest.host)' }),
    port: Flags.integer({ description: 'port; 0 takes a free one (ingest.port)', min: 0, max: 65_535 }),
    'http-port': Flags.integer({
      description: 'port of the HTTP door; 0 takes a free one (ingest.http.port)',
      min: 0,
      max: 65_535,
    }),
    key: Flags.option({ options: ['business', 'event-id', 'none'] as const })({ description: 'partition key (ingest.key)' }),
    linger: Flags.string({
      description: 'fixed wait before a group commit, e.g. 5ms; 0ms commits when the event loop is free (ingest.linger)',
    }),
    'dry-run': Flags.boolean({ default: false, description: 'check config, contracts and log, and stop without listening' }),
  };

  async run(): Promise<RunServeResult> {
    const { flags } = await this.parse(IngestServe);
    const lakehouse = await this.lakehouse();
    const [{ checkServe, runServe }, { parseLinger }] = await Promise.all([
      import('../../core/ingest/run-serve.js'),
      import('../../core/ingest/linger.js'),
    ]);
    const options = {
      host: flags.host,
      port: flags.port,
      httpPort: flags['http-port'],
      keyMode: flags.key,
      lingerMs: parseLinger(flags.linger),
      env: process.env,
    };
    if (flags['dry-run']) {
      const wouldServe = await checkServe(lakehouse, options);
      this.say(`Would listen on ${wouldServe.address}, topic ${wouldServe.topic}.`);
      return wouldServe;
    }
    const result = await runServe(lakehouse, {
      ...options,
      signal: this.signal,
      onEvent: (event) => {
        if (event.kind === 'listening') {
          const { topic } = lakehouse.config.profile.log;
          const http = event.httpAddress === null ? '' : ` HTTP on ${event.httpAddress}.`;
          const text = `Listening on ${event.address}, topic ${topic}.${http} Ctrl-C drains and stops.`;
          // Standard output is kept for the result; who started the server as a program still has to learn the port.
          if (flags.json)
            process.stderr.write(
              `${JSON.stringify({ listening: { address: event.address, httpAddress: event.httpAddress, topic } })}\n`,
            );
          else if (flags.output === 'table') this.say(text);
          else process.stderr.write(`${text}\n`);
        }
        if (event.kind === 'appendFailed') this.addWarning(`events were refused: the log did not take them: ${event.message}`);
        if (event.kind === 'warning') this.addWarning(event.message);
        if (event.kind === 'certificate')
          if (event.problem === null) this.say('The renewed certificate is in use.');
          else this.addWarning(`the old certificate stays in use: ${event.problem}`);
        if (event.kind === 'draining') this.say('Draining.');
      },
    });
    this.done(`Done. ${result.accepted} events accepted, ${result.refused} refused.`);
    return result;
  }
}
