/** Server reflection: clients such as grpcurl learn from it what the server speaks. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProto } from 'grpc-health-check';
import { withProtocDescriptors } from './reflected-protos.js';

/** Its methods, each a stream of requests. */
export const REFLECTION_PATHS = [
  '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
  '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo',
] as const;

/** `proto/` lies beside `src/` and `dist/` alike. */
const PROTO_DIR = fileURLToPath(new URL('../../../../proto/', import.meta.url));

/** All protos that the server speaks, under their own names, which some clients write. */
export function addReflection(server: Server): void {
  const ours = [path.join(PROTO_DIR, 'ingestion.proto'), path.join(PROTO_DIR, 'keystone/ingestion/v1/ingestion.proto')];
  const definitions = {
    ...loadSync(ours, { includeDirs: [PROTO_DIR], keepCase: true }),
    ...loadSync(healthProto, { keepCase: true }),
  };
  new ReflectionService(withProtocDescriptors(definitions)).addToServer(server);
}
