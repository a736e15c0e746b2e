/** Vectors compressed by Kafka's own Java client (4.3.1), which carries snappy-java, lz4-java and zstd-jni. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKeystoneError } from '../../../../src/core/errors.js';
import { batchCompressor, decompressBatch, type CodecName } from '../../../../src/core/log/kafka/batch-codecs.js';
import { decompressLz4 } from '../../../../src/core/log/kafka/lz4.js';
import { decompressZstd } from '../../../../src/core/log/kafka/zstd.js';
import { decompressSnappy } from '../../../../src/core/log/kafka/snappy.js';

const PLAIN = Array.from({ length: 60 }, (_, n) => `order-${(n * 7919) % 101}${n % 3 === 0 ? 'delivered ' : 'shipped '}`).join(
  '',
);

const VECTORS: readonly { readonly of: string; readonly codec: CodecName; readonly base64: string }[] = [
  {
    of: 'gzip',
    codec: 'gzip',
    base64:
      'H4sIAAAAAAAA/2XSUQqDQAyE4av0AgWT3WyS+7hQoaBY6PkLfRD88zjiRPmY/Vzn+VzW+d6+85zrY/8/6PJ5bcdx5dB7VmVjtPsbiL2zEIaTyGOUT+Ck4x+DBQ2czHtOFmzBC2BowoYDRpCtsZEdN5Hd2BDIGCDS2WigcUBIoTLQyAKKXjYSwFHkUTYCm46NRNmIwmZQouwWNAEILVQDNIi9bCQB05C9bEQAY3DIspEGGYeDFCmDTF4QP9dXUXDiAwAA',
  },
  {
    of: 'the framing of snappy-java',
    codec: 'snappy',
    base64:
      'glNOQVBQWQAAAAABAAAAAQAAAU/iB0BvcmRlci0wZGVsaXZlcmVkIAkRGDQxc2hpcHAVEAQ4MjYQAAQyMj4yAAQ2MzYiADoPAAQ0ND4xAAQ4NTYxAAAyOhAABDY2PjIAADY2MQAENDc2EAAEODg+MQAEMjg2IgAENjk2EAAAOT4xAAQ1MDohADoHAQQzMT4yAAA3OhkBADE6EAAENTM+MgAEOTQ2ZAAAMzoQAAQ3NT4yAAAxOhoBADU6CQEEOTc+MgAAMzobAQA3OgkBADFCKwEANTobAQQxMDoLAQA0QiQCADg6HQEAMjoQAAA2QiQCOhwBADQ6JAIAOEIkAgAyOhwBADY+CgE++QAANDobAQA4OgkBADJCKwEANjobAToPAAA0QiQCADk6GQEAMzoQAAA3QiQCADE6GQEANToIAQA5QiQCADM6GgEANzoIAQAxQioBADU6GgEkOTZzaGlwcGVkIA==',
  },
  {
    of: 'a raw snappy block',
    codec: 'snappy',
    base64:
      '4gdAb3JkZXItMGRlbGl2ZXJlZCAJERg0MXNoaXBwFRAEODI2EAAEMjI+MgAENjM2IgA6DwAENDQ+MQAEODU2MQAAMjoQAAQ2Nj4yAAA2NjEABDQ3NhAABDg4PjEABDI4NiIABDY5NhAAADk+MQAENTA6IQA6BwEEMzE+MgAANzoZAQAxOhAABDUzPjIABDk0NmQAADM6EAAENzU+MgAAMToaAQA1OgkBBDk3PjIAADM6GwEANzoJAQAxQisBADU6GwEEMTA6CwEANEIkAgA4Oh0BADI6EAAANkIkAjocAQA0OiQCADhCJAIAMjocAQA2PgoBPvkAADQ6GwEAODoJAQAyQisBADY6GwE6DwAANEIkAgA5OhkBADM6EAAAN0IkAgAxOhkBADU6CAEAOUIkAgAzOhoBADc6CAEAMUIqAQA1OhoBJDk2c2hpcHBlZCA=',
  },
  {
    of: 'lz4',
    codec: 'lz4',
    base64:
      'BCJNGGBAghoBAADyAm9yZGVyLTBkZWxpdmVyZWQgEQB1NDFzaGlwcBAAKjgyEAAsMjIyACo2MyIACw8ALDQ0MQAqODUxABsyEAAsNjYyABo2MQAqNDcQACw4ODEAKjI4IgAqNjkQABw5MQArNTAhAAsHASwzMTIAGzcZARsxEAAsNTMyACo5NGQAGzMQACw3NTIAGzEaARs1CQEsOTcyABszGwEbNwkBHTErARs1GwErMTALAR00JAIbOB0BGzIQAB02JAILHAEbNCQCHTgkAhsyHAEcNgoBDPkAGzQbARs4CQEdMisBGzYbAQsPAB00JAIbORkBGzMQAB03JAIbMRkBGzUIAR05JAIbMxoBGzcIAR0xKgEbNRoBoDk2c2hpcHBlZCAAAAAA',
  },
  {
    of: 'zstd',
    codec: 'zstd',
    base64:
      'KLUv/QBYLAYAIgcUFbAnHQAIIRQMP8NCyCSlTDIdsybHBUemzRyRNub8qr1c7l3sPXh03mzsiohkHt9QWePwBt3V+5urqnR7qu0LBUJgoAGkFOVADAoZgaKQghA8IFBjtTaF6C4EO1ZuZuluGc1MbtXJCc0nuyDjmZGbye0y246RW81yIrv76OJ8yVgdO5GzcOhwGUOwjMkYgmVcxhAs4zKGYBlXxjWCy/gyUiBsKLdSudEibSg3UlnUIjg6JrlRIC06KxlXCIbEM23SMJYBAAA=',
  },
];

describe('codecs of record batches', () => {
  for (const { of, codec, base64 } of VECTORS) {
    const packed = Buffer.from(base64, 'base64');

    it(`unpacks ${of}`, async () => {
      expect((await decompressBatch(codec, packed, 't/0')).toString('utf8')).toBe(PLAIN);
    });

    it(`never fails otherwise than by KS_LOG on damaged ${of}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.nat(packed.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, flip, cut) => {
          const damaged = Buffer.from(packed);
          damaged[at] = damaged[at]! ^ flip;
          const given = cut ? packed.subarray(0, at) : damaged;
          await decompressBatch(codec, given, 't/0').catch((error: unknown) => {
            if (!isKeystoneError(error) || error.code !== 'KS_LOG') throw error;
          });
        }),
        { numRuns: 300 },
      );
    });
  }

  it('refuses more than it was told to take', () => {
    for (const { codec, base64 } of VECTORS) {
      const packed = Buffer.from(base64, 'base64');
      if (codec === 'snappy') expect(() => decompressSnappy(packed, 100)).toThrow(/more than/);
    }
    const zstd = Buffer.from(VECTORS.at(-1)!.base64, 'base64');
    const claims = Buffer.concat([zstd.subarray(0, 4), Buffer.from([0xe0, 0, 0, 0, 0, 0, 1, 0, 0]), zstd.subarray(6)]);
    expect(() => decompressZstd(claims, 1_000_000)).toThrow(/more than 1000000/);
    // One run of 128 KiB after the other, without a word about their sum.
    const run = Buffer.from([0x02, 0x00, 0x10, 0x61]);
    const runs = Buffer.concat([zstd.subarray(0, 4), Buffer.from([0x00, 0x58]), ...Array.from({ length: 1000 }, () => run)]);
    expect(() => decompressZstd(runs, 1_000_000)).toThrow(/more than 1000000/);
    const bomb = lz4Of(Buffer.from([0x1f, 0x61, 0x01, 0x00, ...Array<number>(250).fill(255), 0x10, 0x10, 0x62]), 1000);
    expect(() => decompressLz4(bomb, 1_000_000)).toThrow(/more than 1000000 bytes/);
  });
});

/** A frame of `count` equal blocks of at most 4 MiB. */
function lz4Of(block: Buffer, count: number): Buffer {
  const head = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(block.length);
  return Buffer.concat([head, ...Array.from({ length: count }, () => [size, block]).flat(), Buffer.alloc(4)]);
}

describe('what is compressed here', () => {
  const text = fc.stringMatching(/^[ab ]{0,400}$/);
  const blob = fc.oneof(
    fc.uint8Array({ maxLength: 5000 }),
    fc.array(text, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''))),
    // Beyond a block of 64 KB, with repetitions of every distance.
    fc
      .tuple(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.integer({ min: 1, max: 80 }))
      .map(([part, times]) => Buffer.concat(Array.from({ length: times }, () => part))),
  );

  for (const codec of ['gzip', 'snappy', 'lz4'] as const) {
    it(`${codec}: comes back as it was`, async () => {
      const compressor = await batchCompressor(codec);
      await fc.assert(
        fc.asyncProperty(blob, async (bytes) => {
          const plain = Buffer.from(bytes);
          const packed = compressor!.compress(plain);
          expect((await decompressBatch(codec, packed, 'b')).equals(plain)).toBe(true);
        }),
        { numRuns: 300 },
      );
      const repeated = Buffer.from(PLAIN.repeat(200));
      expect(compressor!.compress(repeated).length).toBeLessThan(repeated.length / 5);
    });
  }
});
