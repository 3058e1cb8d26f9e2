/** Ids of Redis streams, `<milliseconds>-<sequence>`: both parts are 64-bit numbers. */
export const BEGINNING = '0-0';

export const isStreamId = (text) => typeof text === 'string' && /^\d{1,20}-\d{1,20}$/.test(text);

/** Is `id` later in the stream than `other`? */
export function isAfter(id, other) {
  const [time, sequence] = id.split('-').map(BigInt);
  const [otherTime, otherSequence] = other.split('-').map(BigInt);
  return time === otherTime ? sequence > otherSequence : time > otherTime;
}
