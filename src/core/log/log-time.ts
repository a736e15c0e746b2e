/**
 * The log times that everything behind the log can hold exactly. Kafka stores whatever 64-bit milliseconds a producer claims (nanoseconds
 * by mistake, -1 for "none"); the port, the tables and what is computed of them go by whole microseconds as a number.
 */
import { HEADER_LOG_TIME_MS } from '../event/envelope.js';
import type { LogHeader } from './event-log.js';

/** The last log time, in microseconds since the epoch: 2255-06-05T23:47:34.740991Z. The first is 0. */
export const LAST_LOG_TIME_US: number = Number.MAX_SAFE_INTEGER;
const LAST_WHOLE_MS = Math.floor(LAST_LOG_TIME_US / 1000);

/** Whether these milliseconds are a log time as they are; false for what is not exact. */
export const isLogTimeMs = (ms: number): boolean => ms >= 0 && ms <= LAST_WHOLE_MS;

/** The bound that is nearest to milliseconds which are no log time. */
export const nearestLogTimeUs = (ms: bigint): number => (ms < 0n ? 0 : LAST_LOG_TIME_US);

/** Keeps, behind the record's own headers, the milliseconds that were set to a bound. */
export const claimedTimeHeader = (ms: bigint): LogHeader => ({ key: HEADER_LOG_TIME_MS, value: Buffer.from(String(ms)) });
