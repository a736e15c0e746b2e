/** What the demo sends through the ingest server: a made-up shop's events, or a folder of real CSV files. */
import { KeystoneError } from '../errors.js';
import type { Lakehouse } from '../lakehouse.js';
import type { ReportProgress } from '../progress.js';
import type { SentFault } from './check-fates.js';
import { openDemoSender } from './demo-sender.js';
import { generateEvents } from './generate-events.js';
import type { FaultRules } from './seeded-fault.js';

/** Checks of the contracts that `keystone init` writes. */
const DEMO_RULES: FaultRules = { pricePositive: 'price_positive', deliveryAfterPurchase: 'delivery_not_before_purchase' };

export interface SendRequest {
  readonly lakehouse: Lakehouse;
  /** `host:port` of the server. */
  readonly address: string;
  readonly signal: AbortSignal;
  readonly onProgress: ReportProgress;
  /** Called with everything acknowledged, between the second wave and the third: what follows meets a lake that is up to date. */
  readonly beforeLastWave: () => Promise<void>;
}

export interface SendOutcome {
  readonly events: number;
  readonly founding: number;
  readonly faults: readonly SentFault[];
  /** Rows that `silver.<dataset>` must hold at the end. */
  readonly silverRows: ReadonlyMap<string, number>;
  /** Spent sending, without `beforeLastWave`. */
  readonly seconds: number;
}

const REPORT_EVERY = 500;

export async function sendGenerated(
  request: SendRequest,
  options: { readonly events: number; readonly seed: number },
): Promise<SendOutcome> {
  const { clock } = request.lakehouse.effects;
  const sender = await openDemoSender(request.address, clock, request.signal);
  const silverRows = new Map<string, number>();
  let idleMs = 0;
  const startedMs = clock.nowMs();
  try {
    let wave = 1;
    for (const event of generateEvents({ ...options, rules: DEMO_RULES })) {
      if (request.signal.aborted)
        throw new KeystoneError('KS_INTERRUPTED', 'the demo was stopped while it was sending', { hint: 'keystone demo' });
      if (event.wave !== wave) {
        wave = event.wave;
        await sender.flush();
        if (wave === 3) {
          const pausedMs = clock.nowMs();
          await request.beforeLastWave();
          idleMs = clock.nowMs() - pausedMs;
        }
      }
      if (event.fate.kind === 'silver') silverRows.set(event.dataset, (silverRows.get(event.dataset) ?? 0) + 1);
      await sender.send(event);
      const { sent } = sender.counts();
      if (sent % REPORT_EVERY === 0)
        request.onProgress({ phase: 'send over gRPC', done: sent, total: options.events, unit: 'events' });
    }
    await sender.flush();
    const { sent, founding } = sender.counts();
    return { events: sent, founding, faults: sender.faults, silverRows, seconds: (clock.nowMs() - startedMs - idleMs) / 1000 };
  } finally {
    sender.close();
  }
}

/** Rows of every CSV file of the folder that a contract knows. */
export async function sendFolder(request: SendRequest, folder: string): Promise<SendOutcome> {
  const { clock } = request.lakehouse.effects;
  const { planCsvFiles } = await import('../ingest/files/csv-file-plan.js');
  const { ingestCsv } = await import('../ingest/files/ingest-csv.js');
  const { openServerSink } = await import('../ingest/grpc/server-sink.js');
  const startedMs = clock.nowMs();
  const contracts = await request.lakehouse.contracts();
  const files = await planCsvFiles([folder], { dataset: undefined, datasets: [...contracts.keys()] });
  const sink = await openServerSink({ address: request.address, clock, signal: request.signal, onResults: () => undefined });
  try {
    const { rows } = await ingestCsv({ files, sink, contracts, progress: request.onProgress, signal: request.signal });
    return { events: rows, founding: 0, faults: [], silverRows: new Map(), seconds: (clock.nowMs() - startedMs) / 1000 };
  } finally {
    sink.close();
  }
}
