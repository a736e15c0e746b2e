/** Where the event log lives, for messages. */
import type { ProfileConfig } from '../config/config.js';

/** The file, or the brokers. */
export const logPlace = ({ log }: Pick<ProfileConfig, 'log'>): string =>
  log.adapter === 'kafka' ? `Kafka at ${log.kafka.brokers ?? '(no broker is named)'}` : log.path;
