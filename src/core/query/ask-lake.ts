/**
 * One question to the lake: what it will cost is told first, then the engine that was asked for answers; when that is away, DuckDB on the
 * same files, and at last the newest answer to the same words. Who answered is part of the answer.
 */
import path from 'node:path';
import type { ScanEstimate } from '../cost/estimate-scan.js';
import { recordStatement, type StatementDetail } from '../cost/statement-record.js';
import type { QueryProgress, QueryResult } from '../engine/sql-engine.js';
import { isKeystoneError, KeystoneError, messageOf } from '../errors.js';
import type { EngineName, Lakehouse } from '../lakehouse.js';
import { firstAnswer, type Way } from '../resilience/fallback.js';
import { isTransientFailure } from '../resilience/transient-failure.js';
import { lakePlace } from '../store/lake-place.js';
import { randomHexId } from '../table/random-names.js';
import { openAnswerCache } from './answer-cache.js';
import { expectedScan, priced } from './expected-scan.js';

export interface LakeQuestion {
  readonly sql: string;
  readonly engine: EngineName;
  /** For DuckDB; the services speak the models' dialect alone. */
  readonly dialect: 'engine' | 'athena';
  readonly maxRows: number;
  /** Bytes; a statement that is estimated to read more is refused. */
  readonly maxScan?: number;
  /** Whether a service may read a partitioned table without a condition on its partitions. */
  readonly allowFullScan: boolean;
  /** Whether another way may answer when the engine is away. */
  readonly mayFallBack: boolean;
  /** Who asks, for the record of costs. */
  readonly command: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: QueryProgress) => void;
  /** Told before a service runs the statement. */
  readonly onEstimate?: (estimate: QuestionEstimate) => void;
}

/** What a service is expected to read and cost. */
export interface QuestionEstimate extends ScanEstimate {
  readonly engine: EngineName;
  /** US dollars; 0 where nothing is paid for. */
  readonly dollars: number;
}

export interface LakeAnswer {
  readonly result: QueryResult;
  readonly answeredBy: EngineName | 'cache';
  /** Null when it could not be told before. */
  readonly estimatedBytes: number | null;
  /** What it cost; null where nothing is paid for. */
  readonly cost: StatementDetail | null;
  /** How old the answer is; null: it is new. */
  readonly ageMs: number | null;
  readonly warnings: readonly string[];
}

type Answer = Omit<LakeAnswer, 'answeredBy' | 'warnings'>;

/** @throws KeystoneError KS_COST_LIMIT before anything is run; else as the engine does. */
export async function askLake(lakehouse: Lakehouse, question: LakeQuestion): Promise<LakeAnswer> {
  const { effects, config } = lakehouse;
  const { engine, signal, sql } = question;
  const isService = engine !== 'duckdb';
  const folder = path.join(path.dirname(config.profile.state.path), 'answers');
  const cache = openAnswerCache(folder, () => randomHexId(effects.randomBytes));
  const key = { sql, lake: lakePlace(config.profile) };
  /** DuckDB's failures that leave the cache as the last way. */
  const passedOn = new Set<unknown>();

  const first: Way<Answer> = {
    name: engine,
    answer: async () => {
      const answer = await askEngine(lakehouse, question);
      if (isService) await cache.keep(key, { result: answer.result, answeredAtMs: effects.clock.nowMs() });
      return answer;
    },
  };
  const local: Way<Answer> = {
    name: 'duckdb',
    answer: async () => {
      try {
        return await askEngine(lakehouse, { ...question, engine: 'duckdb', dialect: 'athena' });
      } catch (error) {
        // What a service understands may be none of DuckDB's SQL.
        if (isKeystoneError(error) && error.code === 'KS_SQL') passedOn.add(error);
        throw error;
      }
    },
  };
  const cached: Way<Answer> = {
    name: 'cache',
    answer: async (missed) => {
      const found = await cache.read(key, question.maxRows);
      if (!found) throw noAnswer(missed[0]?.error);
      const ageMs = Math.max(0, effects.clock.nowMs() - found.answeredAtMs);
      return { result: found.result, estimatedBytes: null, cost: null, ageMs };
    },
  };
  const ways: readonly [Way<Answer>, ...Way<Answer>[]] = isService && question.mayFallBack ? [first, local, cached] : [first];
  const { value, way, missed } = await firstAnswer(ways, {
    isAway: (error) => isTransientFailure(error) || passedOn.has(error),
    ...(signal ? { signal } : {}),
    onFallback: ({ name, error }, next) =>
      effects.logger?.warn('query.fallback', { from: name, to: next, reason: messageOf(error) }),
  });
  const reasons = missed.map(({ name, error }) => `${name} did not answer (${messageOf(error)})`);
  const stale = value.ageMs === null ? '' : `; this is the answer of ${ageText(value.ageMs)} ago, not of now`;
  const fellBack = reasons.length === 0 ? [] : [`${reasons.join('; ')}: answered by ${way}${stale}`];
  return { ...value, answeredBy: way as LakeAnswer['answeredBy'], warnings: [...(value.result.warnings ?? []), ...fellBack] };
}

async function askEngine(lakehouse: Lakehouse, question: LakeQuestion): Promise<Answer> {
  const { sql, engine: name, dialect, maxRows, command, signal, onProgress } = question;
  const isService = name !== 'duckdb';
  const startedAtMs = lakehouse.effects.clock.nowMs();
  const estimate = await expectedScan(lakehouse, question);
  const engine = await lakehouse.engine(name);
  const estimatedBytes = estimate?.bytes ?? null;
  if (estimate && isService) question.onEstimate?.(priced(lakehouse, name, estimate));
  const tables = (estimate?.tables ?? []).map(({ table, bytes }) => ({ table, estimatedBytes: bytes }));
  const facts = { engine: name, command, estimatedBytes, tables, startedAtMs };
  let seen: QueryProgress | null = null;
  try {
    const result = await engine.query(sql, {
      dialect,
      maxRows,
      ...(signal ? { signal } : {}),
      onProgress: (progress) => {
        seen = progress;
        onProgress?.(progress);
      },
    });
    const { statementId: statement, bytesScanned: actualBytes } = result;
    const isPaid = isService && statement !== undefined;
    const cost = isPaid ? await recordStatement(lakehouse, { ...facts, statement, actualBytes, status: 'succeeded' }) : null;
    return { result, estimatedBytes, cost, ageMs: null };
  } catch (error) {
    const begun = seen as QueryProgress | null;
    if (isService && begun !== null) {
      const status = isKeystoneError(error) && error.code === 'KS_INTERRUPTED' ? 'interrupted' : 'failed';
      const { statementId: statement, bytesScanned: actualBytes } = begun;
      await recordStatement(lakehouse, { ...facts, statement, actualBytes, status });
    }
    throw error;
  }
}

const noAnswer = (cause: unknown): KeystoneError =>
  new KeystoneError('KS_ENGINE', 'nothing could answer, and no answer to the same words was kept', {
    hint: 'run the same command again when the service has recovered; keystone doctor looks at it',
    cause,
  });

/** e.g. `12 minutes`. */
function ageText(ms: number): string {
  const units = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
  ] as const;
  const [unit, size] = units.find(([, each]) => ms >= each) ?? ['second', 1000];
  const count = Math.floor(ms / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
