/** A topic that was deleted, or made anew under the same name, is named and refused: its offsets mean other events than the lake's. */
import { isOtherLog } from '../bronze/log-identity.js';
import { KeystoneError } from '../errors.js';
import type { EventLog } from '../log/event-log.js';
import type { TableState } from '../table/table-api.js';

const WAYS_OUT =
  'put the old log file back where it was (log.path; "keystone ledger verify" then says what is missing; Kafka does not bring a deleted topic back), ' +
  'or, if the lake shall begin anew with this log, give it a new folder: keystone consume run --set store.path=<new folder> (on S3 store.s3.prefix=<new prefix>)';

/** The refusal; `what` says how it shows. */
export const logRecreated = (
  topic: string,
  what: string,
  details: Readonly<Record<string, string | number | null>>,
): KeystoneError =>
  new KeystoneError('KS_LOG_RECREATED', `${what}: the topic was deleted or recreated, and nothing was read from it`, {
    hint: WAYS_OUT,
    details: { topic, ...details },
  });

/** The identity of the topic. Throws KS_LOG_RECREATED when bronze was landed from another one of this name. */
export async function sameLog(log: EventLog, bronze: TableState, topic: string): Promise<string | null> {
  const logId = await log.topicId(topic);
  if (!isOtherLog(bronze, topic, logId)) return logId;
  throw logRecreated(topic, `${topic} is not the topic that the lake was built from, another one of the same name`, { logId });
}
