/**
 * Health v1 (https://grpc.io/docs/guides/health-checking/). A server that puts work off still serves, and the protocol has no word for it:
 * the answers carry it in their metadata, for who looks closer.
 */
import { Metadata, type Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

type AsItsLibraryKnowsIt = Parameters<HealthImplementation['addToServer']>[0];
/** Unary and streaming alike. */
type Answer = (call: { sendMetadata(metadata: Metadata): void }, ...rest: readonly unknown[]) => void;

/** `facts`, asked for every answer: names and values of the metadata, e.g. `keystone-degradation: full`. */
export function addHealth(server: Server, facts: () => Readonly<Record<string, string>>): HealthImplementation {
  const telling =
    (answer: Answer): Answer =>
    (call, ...rest) => {
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(facts())) metadata.set(key, value);
      call.sendMetadata(metadata);
      answer(call, ...rest);
    };
  const tellingServer: AsItsLibraryKnowsIt = {
    addService: (definition, handlers) => {
      const all = Object.entries(handlers).map(([name, answer]) => [name, telling(answer as Answer)]);
      server.addService(definition, Object.fromEntries(all));
    },
  };
  const health = new HealthImplementation();
  health.addToServer(tellingServer);
  return health;
}
