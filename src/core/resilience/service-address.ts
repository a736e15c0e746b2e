/** Where the service behind a breaker is, in words for people: what its adapter is and the address that the profile gives it. */
import type { ProfileConfig } from '../config/config.js';
import { lakePlace } from '../store/lake-place.js';
import { adapterOf, type GuardedService } from './guarded-service.js';

/** e.g. `kafka at 127.0.0.1:9092`; without an address where only a secret or the vendor's own defaults name it. */
export function serviceAddress(profile: ProfileConfig, service: GuardedService): string {
  const adapter = adapterOf(profile, service);
  const address = addressOf(profile, service);
  return address === null ? adapter : `${adapter} at ${address}`;
}

function addressOf(profile: ProfileConfig, service: GuardedService): string | null {
  const { log, store, catalog, engine, state } = profile;
  const aws = ({ region, endpoint }: { readonly region: string; readonly endpoint?: string | undefined }): string =>
    endpoint ?? region;
  switch (service) {
    case 'log':
      return log.adapter === 'kafka' ? (log.kafka.brokers ?? log.kafka.cluster ?? null) : null;
    case 'store':
      return store.adapter === 's3' ? `${lakePlace(profile)}, ${aws(store.s3)}` : null;
    case 'catalog':
      return catalog.adapter === 'glue' ? aws(catalog.glue) : null;
    case 'engine':
      if (engine.adapter === 'athena') return aws(engine.athena);
      return engine.adapter === 'trino' ? (engine.trino.url ?? null) : null;
    case 'engine.athena':
      return aws(engine.athena);
    case 'engine.trino':
      return engine.trino.url ?? null;
    case 'state':
      return state.adapter === 'postgres' ? (state.postgres.url ?? null) : null;
  }
}
