import { Flags } from '@oclif/core';
import { KeystoneCommand } from '../../cli/keystone-command.js';
import { logServing } from '../../cli/serve-log.js';
import { changeFacts, serveText, type ServeEvent } from '../../cli/serve-text.js';
import type { RunServeResult } from '../../core/ingest/run-serve.js';

export default class IngestServe extends KeystoneCommand {
  static override summary = 'Serve ingestion over gRPC and HTTP until stopped';
  static override description = `Takes events over the founding IngestionService and keystone.ingestion.v1, with health v1 and reflection, and, with
--http-port, JSON and NDJSON over HTTP (POST /v1/events/{dataset}; GET /openapi.json describes it). --workers shares the ports among processes.
An event is acknowledged only once it is durable: in the log, or, while the brokers are away, in the spool on the local disk (ingest.spool), which drains when they are back. Certificates, client certificates, bearer tokens and limits come from ingest.tls, ingest.tokens and ingest.limits (docs/configuration.md);
a renewed certificate is taken up without a restart. SIGTERM or Ctrl-C stops taking calls, finishes what is in flight, and exits.
Under --json the address is told on standard error, {"listening": {"address", "topic"}}, as soon as it listens, and so is each change of where events go, {"ingest": {"mode", "events", "bytes", "degradation"}}, and of the level of degradation, {"degradation": {"from", "to", "causes"}}. Clients without reflection find the services in proto/.`;
  static override examples = [
    '<%= config.bin %> ingest serve',
    '<%= config.bin %> ingest serve --port 0 --linger 5ms',
    '<%= config.bin %> ingest serve --key none --set ingest.maxInFlight=256MiB',
    '<%= config.bin %> ingest serve --set ingest.tls.certificate=server.pem --set ingest.tls.key=server.key',
    '<%= config.bin %> ingest serve --http-port 8080 --workers 2',
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
    workers: Flags.integer({
      description: 'processes that serve behind one port (ingest.workers); limits of a client count in each',
      min: 1,
      max: 256,
    }),
    'metrics-port': Flags.integer({
      description: 'port on which /metrics answers Prometheus; 0 takes a free one (metrics.port)',
      min: 0,
      max: 65_535,
    }),
    'dry-run': Flags.boolean({ default: false, description: 'check config, contracts and log, and stop without listening' }),
  };

  async run(): Promise<RunServeResult> {
    const { flags } = await this.parse(IngestServe);
    const settings = { 'metrics-port': 'metrics.port' };
    const lakehouse = await (flags['dry-run'] ? this.lakehouse(settings) : this.measuredLakehouse(settings));
    const [{ checkServe, runServe }, { parseLinger }, { serveByWorkers }] = await Promise.all([
      import('../../core/ingest/run-serve.js'),
      import('../../core/ingest/linger.js'),
      import('../../cli/worker-processes.js'),
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
      const http = wouldServe.httpAddress === null ? '' : ` HTTP on ${wouldServe.httpAddress}.`;
      this.say(`Would listen on ${wouldServe.address}, topic ${wouldServe.topic}.${http}`);
      return wouldServe;
    }
    const { topic } = lakehouse.config.profile.log;
    const { journal } = this;
    const onEvent = (event: ServeEvent): void => {
      if (journal.isJson()) return logServing(journal, event, topic, (text) => this.keepWarning(text));
      if (flags.json && (event.kind === 'mode' || event.kind === 'degradation'))
        return void process.stderr.write(`${JSON.stringify(changeFacts(event))}\n`);
      const told = serveText(event, topic);
      if (told.kind === 'warning') this.addWarning(told.text);
      if (told.kind === 'said') this.say(told.text);
      if (told.kind !== 'listening') return;
      // Standard output is kept for the result; who started the server as a program still has to learn the port.
      if (flags.json) process.stderr.write(`${JSON.stringify({ listening: told.facts })}\n`);
      else if (flags.output === 'table') this.say(told.text);
      else process.stderr.write(`${told.text}\n`);
    };
    const workers = flags.workers ?? lakehouse.config.ingest.workers;
    const result =
      workers === 1
        ? await runServe(lakehouse, { ...options, signal: this.signal, onEvent })
        : await serveByWorkers(lakehouse, { ...options, workers, signal: this.signal, onEvent });
    this.done(`Done. ${result.accepted} events accepted, ${result.refused} refused.`);
    return result;
  }
}
