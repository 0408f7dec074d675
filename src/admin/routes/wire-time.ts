/** `2024-01-15T10:30:00Z`: what `fromdate` of jq reads. */
export function toSecondText(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** `2024-01-15T10:30:00.123Z` */
export function toMsText(time: Date): string {
  return time.toISOString();
}
