/**
 * File descriptors as protoc makes them, for reflection. protobufjs differs in two things: it calls the entry message of the map field
 * `headers` `Headers`, and Go's protobuf refuses every name but `HeadersEntry`, the whole file with it; and it leaves JSON names out,
 * so clients would print fields by other names than with the .proto at hand (https://protobuf.dev/programming-guides/proto3/#json).
 */
import type { PackageDefinition } from '@grpc/proto-loader';
import descriptor from 'protobufjs/ext/descriptor/index.js';

interface Field {
  readonly name: string;
  typeName: string;
  jsonName: string;
}

interface Message {
  name: string;
  readonly field: readonly Field[];
  readonly nestedType: readonly Message[];
  readonly options: { readonly mapEntry?: boolean } | null;
}

interface File {
  readonly messageType: readonly Message[];
}

/** The same definitions with protoc's descriptors; they were loaded with `keepCase`, or the fields' own names are lost. */
export function withProtocDescriptors(definitions: PackageDefinition): PackageDefinition {
  // Every definition of a file carries the file.
  const corrected = new Map<Uint8Array, Buffer>();
  const correct = (bytes: Buffer): Buffer => {
    const known = corrected.get(bytes);
    if (known) return known;
    const file = descriptor.FileDescriptorProto.decode(bytes);
    for (const message of (file as unknown as File).messageType) correctMessage(message);
    const made = Buffer.from(descriptor.FileDescriptorProto.encode(file).finish());
    corrected.set(bytes, made);
    return made;
  };
  const renamed = Object.entries(definitions).map(([name, definition]) => {
    // A service has no file of its own: its methods' messages bring it.
    if (!Array.isArray(definition.fileDescriptorProtos)) return [name, definition] as const;
    return [name, { ...definition, fileDescriptorProtos: definition.fileDescriptorProtos.map(correct) }] as const;
  });
  return Object.fromEntries(renamed) as PackageDefinition;
}

function correctMessage(message: Message): void {
  for (const nested of message.nestedType) {
    const field = nested.options?.mapEntry ? message.field.find(({ typeName }) => typeName === nested.name) : undefined;
    if (field) field.typeName = nested.name = `${capitalized(withoutUnderscores(field.name))}Entry`;
    correctMessage(nested);
  }
  for (const field of message.field) field.jsonName = withoutUnderscores(field.name);
}

/** As in protoc: each underscore goes, and the letter behind it becomes large. */
const withoutUnderscores = (name: string): string => name.replaceAll(/_+([^_]?)/g, (_, next: string) => next.toUpperCase());
const capitalized = (name: string): string => name.slice(0, 1).toUpperCase() + name.slice(1);
