/** Somebody who may be given a seat. */
export interface Guest {
  readonly identity: string;
  /** When they last began to speak; null for never. */
  readonly spokeAt: number | null;
}

/**
 * Who sits where, when there are `capacity` seats. Tiles move only if they must:
 * 1. while everybody has a seat, seats are in order of joining;
 * 2. whoever is seated keeps the seat, and a seat that falls free is taken by the next one, so that two who swap roles swap places;
 * 3. when seats are few, somebody who spoke takes the seat of the one who has been quiet for longest.
 */
export function seat(previous: readonly string[], guests: readonly Guest[], capacity: number): string[] {
  const known = new Map(guests.map((guest, order) => [guest.identity, { ...guest, order }]));
  const seats: (string | null)[] = previous.map((identity) => (known.has(identity) ? identity : null));
  const seated = new Set(seats);
  const standing = guests.filter(({ identity }) => !seated.has(identity)).map(({ identity }) => identity);

  if (standing.length > 0 || seats.length > capacity) {
    const spoke = (identity: string) => known.get(identity)?.spokeAt ?? -1;
    const order = (identity: string) => known.get(identity)?.order ?? 0;
    // Most recent voice first, then those who came first.
    const rank = (one: string, other: string) => spoke(other) - spoke(one) || order(one) - order(other);
    const chosen = new Set([...known.keys()].sort(rank).slice(0, capacity));
    const newcomers = guests.filter(({ identity }) => chosen.has(identity) && !seated.has(identity));
    for (const [at, identity] of seats.entries()) if (identity !== null && !chosen.has(identity)) seats[at] = null;
    const queue = newcomers.map(({ identity }) => identity);
    for (const [at, identity] of seats.entries()) if (identity === null) seats[at] = queue.shift() ?? null;
    seats.push(...queue);
  }
  return seats.filter((identity) => identity !== null);
}
