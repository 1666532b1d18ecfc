/** Somebody who may be given a seat. */
export interface Guest {
  readonly identity: string;
  /** When they last became the speaker; null for never. */
  readonly spokeAt: number | null;
}

/**
 * The order of everybody, when only the first `capacity` have a seat that is always seen and the others sit on further pages.
 * People move only if they must:
 * 1. a newcomer sits at the end;
 * 2. a seat that falls free is taken by a newcomer of the same moment, so that two who swap roles swap places; else by the last
 *    one, so that nobody but that one moves;
 * 3. when there are too few seats, somebody who spoke changes places with the one who has been quiet for longest.
 */
export function seat(previous: readonly string[], guests: readonly Guest[], capacity: number): string[] {
  const known = new Map(guests.map((guest) => [guest.identity, guest]));
  const before = new Set(previous);
  const newcomers = guests.filter(({ identity }) => !before.has(identity)).map(({ identity }) => identity);
  const seats: (string | null)[] = previous.map((identity) => (known.has(identity) ? identity : null));
  for (const [at, identity] of seats.entries()) if (identity === null) seats[at] = newcomers.shift() ?? null;
  const order = closedUp([...seats, ...newcomers]);

  const spoke = (identity: string) => known.get(identity)?.spokeAt ?? -1;
  for (const standing of order.slice(capacity).sort((one, other) => spoke(other) - spoke(one))) {
    const quietest = quietestOf(order.slice(0, capacity), spoke);
    if (quietest === null || spoke(quietest) >= spoke(standing)) break;
    const [seat, place] = [order.indexOf(quietest), order.indexOf(standing)];
    [order[seat], order[place]] = [standing, quietest];
  }
  return order;
}

/** Empty seats are taken by those at the end. */
function closedUp(seats: (string | null)[]): string[] {
  const order: string[] = [];
  const rest = [...seats];
  while (rest.length > 0) {
    const first = rest.shift() ?? null;
    if (first !== null) {
      order.push(first);
      continue;
    }
    let last: string | null = null;
    while (last === null && rest.length > 0) last = rest.pop() ?? null;
    if (last !== null) order.push(last);
  }
  return order;
}

/** Of those who spoke longest ago, or never, the one in the last seat. */
function quietestOf(seated: readonly string[], spoke: (identity: string) => number): string | null {
  let quietest: string | null = null;
  for (const identity of seated) if (quietest === null || spoke(identity) <= spoke(quietest)) quietest = identity;
  return quietest;
}
