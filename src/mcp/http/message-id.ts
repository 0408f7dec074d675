export type MessageId = string | number;

export function isMessageId(value: unknown): value is MessageId {
  return typeof value === 'string' || typeof value === 'number';
}
