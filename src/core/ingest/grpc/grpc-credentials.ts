/** The certificates of the gRPC door as grpc-js takes them; its own `createSsl` knows neither optional client certificates nor renewal. */
import { ServerCredentials } from '@grpc/grpc-js';
import type { SecureContextOptions } from 'node:tls';
import type { DoorTls } from '../door-tls.js';

const contextOf = ({ cert, key, ca, minVersion }: DoorTls): SecureContextOptions => ({
  cert,
  key,
  minVersion,
  ...(ca === undefined ? {} : { ca }),
});

/** Connections that are open keep the certificate they were made with. */
export class DoorCredentials extends ServerCredentials {
  constructor(tls: DoorTls, handshakeMs: number) {
    const { requestCert, rejectUnauthorized, minVersion } = tls;
    super({ requestCert, rejectUnauthorized, minVersion, handshakeTimeout: handshakeMs }, contextOf(tls));
  }

  renew(tls: DoorTls): void {
    this.updateSecureContextOptions(contextOf(tls));
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
