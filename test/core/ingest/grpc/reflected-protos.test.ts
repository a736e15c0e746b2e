/** What reflection shows is what protoc would have made of the same files: Go's clients refuse the rest. */
import { loadSync } from '@grpc/proto-loader';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { expect, it } from 'vitest';
import { withProtocDescriptors } from '../../../../src/core/ingest/grpc/reflected-protos.js';
import { tempDir } from '../../../support/temp-dir.js';

const PROTO = `syntax = "proto3";
package shop.v1;
service Shop { rpc Put(Cart) returns (Cart); }
message Cart {
  map<string, bytes> headers = 1;
  map<string, Item> items_by_2nd_name = 2;
  Headers own = 3;
  message Headers { string text = 1; }
  message Item { map<int32, string> notes = 1; }
}
`;

it('names map entries and JSON fields as protoc does, inside messages too, and nothing else', async () => {
  const file = path.join(await tempDir(), 'shop.proto');
  await writeFile(file, PROTO);
  const definitions = withProtocDescriptors(loadSync(file, { keepCase: true }));
  const [bytes] = (definitions['shop.v1.Cart']?.fileDescriptorProtos ?? []) as Buffer[];
  const { messageType } = descriptor.FileDescriptorProto.toObject(descriptor.FileDescriptorProto.decode(bytes as Buffer));
  const [cart] = messageType;
  const typeNames = Object.fromEntries(
    cart.field.map((field: { name: string; typeName: string }) => [field.name, field.typeName]),
  );
  expect(typeNames).toEqual({ headers: 'HeadersEntry', items_by_2nd_name: 'ItemsBy2ndNameEntry', own: 'Headers' });
  const jsonNames = cart.field.map(({ jsonName }: { jsonName: string }) => jsonName);
  expect(jsonNames).toEqual(['headers', 'itemsBy2ndName', 'own']);
  const names = cart.nestedType.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(['HeadersEntry', 'ItemsBy2ndNameEntry', 'Headers', 'Item']));
  expect(names).toHaveLength(4);
  const item = cart.nestedType.find(({ name }: { name: string }) => name === 'Item');
  expect(item).toMatchObject({ field: [{ typeName: 'NotesEntry' }], nestedType: [{ name: 'NotesEntry' }] });
  expect(definitions['shop.v1.Shop']).toHaveProperty('Put.path', '/shop.v1.Shop/Put');
});
