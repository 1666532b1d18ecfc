/** Hues that sit well beside each other and beside both light and dark surfaces: no two neighbours are easily confused. */
const HUES = [22, 48, 150, 178, 206, 234, 262, 292, 322, 350] as const;

/** A hue for somebody, the same in every recording. */
export function hueOf(identity: string): number {
  let hash = 2166136261;
  for (let at = 0; at < identity.length; at += 1) hash = Math.imul(hash ^ identity.charCodeAt(at), 16777619);
  return HUES[(hash >>> 8) % HUES.length] ?? HUES[0];
}
