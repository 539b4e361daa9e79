import { createAPI, produceV9, Writer } from '@platformatic/kafka';

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 9;
const ACKS_ALL = -1;

export interface EncodedBatch {
  partition: number;
  bytes: Buffer;
}

/** Produce, taking record batches that are encoded already, so that a retry sends the very same bytes. */
export const produceApi = createAPI<
  [topic: string, timeoutMs: number, batches: EncodedBatch[]],
  produceV9.ProduceResponse
>(
  PRODUCE_KEY,
  PRODUCE_VERSION,
  (topic: string, timeoutMs: number, batches: EncodedBatch[]) =>
    Writer.create()
      .appendString(null)
      .appendInt16(ACKS_ALL)
      .appendInt32(timeoutMs)
      .appendArray([topic], (writer, name) => {
        writer.appendString(name).appendArray(batches, (w, { partition, bytes }) => {
          w.appendInt32(partition)
            .appendUnsignedVarInt(bytes.length + 1)
            .append(bytes);
        });
      })
      .appendTaggedFields(),
  produceV9.parseResponse,
);
