/** The part of package-lock.json that says who needs whom: path of a package to what is known of it. */
export type Lockfile = { packages: Record<string, Locked> };
type Locked = {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  /** A workspace: where it is. */
  resolved?: string;
  link?: boolean;
};

export type Platform = { os: string; cpu: string; libc: string };

/** What runs in one image: folders of the house, and paths of packages such as `node_modules/zod`. */
export type Contents = { rooms: string[]; packages: string[] };

/** Everything that a room needs at run time on a platform, itself included. Throws when the lockfile lacks some of it. */
export function contentsOf(lockfile: Lockfile, room: string, platform: Platform): Contents {
  const packages = new Set<string>();
  const rooms = new Set<string>([room]);
  const visit = (from: string): void => {
    const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = entry(lockfile, from);
    for (const name of Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies })) {
      const at = locate(lockfile, from, name);
      if (at === undefined) {
        if (name in dependencies && !(name in optionalDependencies)) throw new Error(`the lockfile lacks ${name}`);
        continue;
      }
      const { link, resolved, ...locked } = entry(lockfile, at);
      const target = link ? (resolved ?? at) : at;
      const seen = link ? rooms : packages;
      if (seen.has(target) || !runsOn(locked, platform)) continue;
      seen.add(target);
      visit(target);
    }
  };
  visit(room);
  return { rooms: [...rooms].toSorted(), packages: [...packages].toSorted() };
}

function entry(lockfile: Lockfile, at: string): Locked {
  const locked = lockfile.packages[at];
  if (!locked) throw new Error(`the lockfile has no ${at}`);
  return locked;
}

/** Where Node finds a package when somebody asks for it: in the nearest node_modules above. */
function locate(lockfile: Lockfile, from: string, name: string): string | undefined {
  const inside = from === '' ? `node_modules/${name}` : `${from}/node_modules/${name}`;
  if (inside in lockfile.packages) return inside;
  if (from === '') return undefined;
  const end = from.lastIndexOf('/node_modules/');
  return locate(lockfile, end === -1 ? '' : from.slice(0, end), name);
}

function runsOn({ os, cpu, libc }: Locked, platform: Platform): boolean {
  const fits = (wanted: string[] | undefined, is: string): boolean => wanted?.includes(is) ?? true;
  return fits(os, platform.os) && fits(cpu, platform.cpu) && fits(libc, platform.libc);
}
