const two = (value: number) => String(value).padStart(2, "0");

/** `4:07`, and `1:04:07` after an hour. */
export function clockText(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** The time of day to the minute, as everybody reads it. */
export function timeText(date: { getHours(): number; getMinutes(): number }): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}`;
}
