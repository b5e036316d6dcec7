import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf, root, sourceFiles, type Room, type SourceFile } from './imports.ts';

const files = sourceFiles();
const sources = files.filter((file) => !file.isTest);

/** Which rooms a room may import besides itself. */
const mayImport: Record<Room, readonly Room[]> = {
  core: [],
  crds: ['core'],
  kube: ['core'],
  operator: ['core', 'crds', 'kube'],
  router: ['core', 'crds', 'kube'],
  runtime: ['core'],
  sdk: ['core'],
  cli: ['core', 'crds', 'kube', 'operator', 'router', 'runtime', 'sdk'],
  charts: ['crds'],
  test: ['core', 'crds', 'kube', 'operator', 'router', 'runtime', 'sdk', 'cli', 'charts'],
};

/** Packages that only some folders may use, because of their weight or their reach. */
const onlyIn: { name: RegExp; folders: readonly RegExp[] }[] = [
  { name: /^@kubernetes\/client-node/, folders: [/^kube\//] },
  { name: /^(onnxruntime-node|koffi)/, folders: [/^runtime\/backend\/ort\//] },
  { name: /^(hono|@hono\/)/, folders: [/\/http\//, /\/app\.ts$/, /\/playground\//] },
  { name: /^(prom-client|@opentelemetry\/)/, folders: [/^core\/telemetry\//] },
  { name: /^pino/, folders: [/^core\/log\.ts$/] },
];

/** Decisions: functions of what they are given. */
const pureZones = [
  /^core\/(slo|dashboards)\//,
  /^kube\/(lease\/decide|controller\/outcome|reflector\/(store|missed|after-watch|indexers))/,
  /^operator\/(scale|rollout|specs)\//,
  /^operator\/reconcile\/[^/]+\/plan/,
  /^router\/(policy|admission|score)\/(?!train\/)/,
  /^runtime\/engine\/scheduler/,
  /^runtime\/sample\//,
];
const impure = [
  /\bDate\b/,
  /\bMath\.random\b/,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bprocess\./,
  /\bperformance\b/,
  /\bfetch\(/,
];
const impureModules = /^node:(fs|net|http|https|http2|dgram|child_process|timers|worker_threads|os)/;

/** Folders whose children are peers: none may know another. */
const families = [
  'operator/rollout/strategy',
  'router/policy',
  'router/discovery',
  'runtime/backend',
  'runtime/source',
  'runtime/model/family',
  'operator/specs/engine',
  'operator/specs/weights',
];

describe('the rules of the house', () => {
  it('has files to check', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(sources.flatMap((file) => file.imports).length).toBeGreaterThan(100);
  });

  it('rooms import only the rooms they may', () => {
    const broken = files.flatMap((file) => {
      if (file.isTest && file.room !== 'test') return [];
      return file.imports
        .filter((target) => target.endsWith('.ts'))
        .map((target) => target.split('/')[0])
        .filter((target) => target !== file.room && !mayImport[file.room].some((room) => room === target))
        .map((target) => `${file.path} imports ${target}`);
    });
    expect(broken).toEqual([]);
  });

  it.each(onlyIn)('$name stays where it belongs', ({ name, folders }) => {
    const broken = sources.filter(
      (file) =>
        file.room !== 'test' &&
        file.imports.some((target) => name.test(target)) &&
        !folders.some((folder) => folder.test(file.path)),
    );
    expect(broken.map((file) => file.path)).toEqual([]);
  });

  it('decisions touch neither time, chance, files nor sockets', () => {
    const broken = sources.filter(inPureZone).flatMap((file) => {
      const code = codeOf(file.text);
      const words = impure.filter((pattern) => pattern.test(code)).map(String);
      const modules = file.imports.filter((target) => impureModules.test(target));
      return [...words, ...modules].map((what) => `${file.path}: ${what}`);
    });
    expect(broken).toEqual([]);
  });

  it('process.env is read in config.ts, process.exit is called in main.ts', () => {
    const broken = sources.flatMap((file) => {
      const name = path.posix.basename(file.path);
      const code = codeOf(file.text);
      return [
        ...(/\bprocess\.env\b/.test(code) && name !== 'config.ts' && file.room !== 'test' ? [`${file.path}: env`] : []),
        ...(/\bprocess\.exit\(/.test(code) && name !== 'main.ts' ? [`${file.path}: exit`] : []),
      ];
    });
    expect(broken).toEqual([]);
  });

  it.each(families)('peers in %s do not know each other', (family) => {
    const peerOf = (file: string): string | undefined =>
      file.startsWith(`${family}/`) ? file.slice(family.length + 1).split('/')[0] : undefined;
    const isFolder = (peer: string): boolean => !peer.endsWith('.ts');
    const broken = sources.flatMap((file) => {
      const peer = peerOf(file.path);
      if (peer === undefined || !isFolder(peer)) return [];
      return file.imports
        .map(peerOf)
        .filter((other) => other !== undefined && isFolder(other) && other !== peer)
        .map((other) => `${file.path} knows ${other}`);
    });
    expect(broken).toEqual([]);
  });

  it('a package is imported only where its room declares it', () => {
    const broken = files.flatMap((file) => {
      const declared = dependenciesOf(file.room);
      return file.imports
        .filter((target) => !target.endsWith('.ts') && !target.startsWith('node:') && !target.startsWith('#'))
        .filter((target) => !/\.(mjs|js|json|css|html)$/.test(target))
        .map((target) =>
          target
            .split('/')
            .slice(0, target.startsWith('@') ? 2 : 1)
            .join('/'),
        )
        .filter((name) => !declared.has(name))
        .map((name) => `${file.path}: ${name}`);
    });
    expect([...new Set(broken)]).toEqual([]);
  });

  it('a room that another one runs on is declared, or its image would lack it', () => {
    const broken = sources
      .filter(({ room }) => room !== 'test')
      .flatMap((file) => {
        const declared = declaredBy(file.room);
        const others = file.imports.filter((target) => target.endsWith('.ts')).map((target) => target.split('/')[0]);
        return others
          .filter((room) => room !== file.room && !declared.has(`@qwenfleet/${room}`))
          .map((room) => `${file.path}: ${room}`);
      });
    expect([...new Set(broken)]).toEqual([]);
  });

  it('no file is left for later', () => {
    const broken = sources.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b/.test(file.text) && file.room !== 'test');
    expect(broken.map((file) => file.path)).toEqual([]);
  });
});

function inPureZone(file: SourceFile): boolean {
  return pureZones.some((zone) => zone.test(file.path));
}

const read = (file: string): Record<string, Record<string, string>> =>
  JSON.parse(readFileSync(path.join(root, file), 'utf8'));

/** What a room needs to run. */
const declaredBy = (room: Room): Set<string> =>
  new Set(Object.keys(read(`${room}/package.json`)['dependencies'] ?? {}));

function dependenciesOf(room: Room): Set<string> {
  const own = read(`${room}/package.json`);
  const shared = read('package.json');
  return new Set([
    ...Object.keys(own['dependencies'] ?? {}),
    ...Object.keys(own['devDependencies'] ?? {}),
    ...Object.keys(shared['devDependencies'] ?? {}),
  ]);
}
