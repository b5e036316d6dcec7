import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { rejection } from '@qwenfleet/runtime/fixtures/generation';
import { unpack } from '@qwenfleet/runtime/source/wheel/archive';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(path.join(tmpdir(), 'qwenfleet-archive-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const files = { 'tiny/model/config.json': '{}', 'tiny/model/model.gguf': 'GGUF' };

/** A wheel of these files, each as many times over as its number says, with a record that is right. */
function wheel(given: Record<string, string>, times: Record<string, number> = {}): string {
  const script = `
import base64, hashlib, json, sys, zipfile
given, times = json.loads(sys.argv[2]), json.loads(sys.argv[3])
files = {n: t.encode() * times.get(n, 1) for n, t in given.items()}
record = "".join(f"{n},sha256={base64.urlsafe_b64encode(hashlib.sha256(b).digest()).rstrip(b'=').decode()},{len(b)}\\n" for n, b in files.items())
files.setdefault("tiny-1.0.dist-info/RECORD", record.encode())
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:
    for n, b in files.items(): z.writestr(n, b)
`;
  const file = path.join(folder, 'tiny.whl');
  execFileSync('python3', ['-c', script, file, JSON.stringify(given), JSON.stringify(times)]);
  return file;
}

const target = (): string => path.join(folder, 'out', 'model');
const filesIn = (of: string): string[] =>
  readdirSync(of, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [entry.name] : []));
const failure = async (file: string): Promise<unknown> => rejection(unpack(file, 'tiny/model', target()));

describe('a wheel', () => {
  it('that is honest is unpacked', async () => {
    await unpack(wheel(files, { 'tiny/model/model.gguf': 10 }), 'tiny/model', target());
    expect(readdirSync(target())).toEqual(['config.json', 'model.gguf']);
  });

  it('that would become a hundred times as large is refused before it does', async () => {
    const zeros = { ...files, 'tiny/model/model.gguf': '\0' };
    const refusal = await failure(wheel(zeros, { 'tiny/model/model.gguf': 50_000_000 }));
    expect(refusal).toMatchObject({ code: 'invalid_model', message: expect.stringMatching(/50000000 bytes, packed/) });
    expect(filesIn(folder)).toEqual(['tiny.whl']);
  });

  it('whose record is as large as a model is refused before it is read', async () => {
    const record = 'tiny-1.0.dist-info/RECORD';
    const refusal = await failure(wheel({ ...files, [record]: 'x' }, { [record]: 5_000_000 }));
    expect(refusal).toMatchObject({ code: 'invalid_model', message: expect.stringMatching(/RECORD has more than/) });
  });

  it.each(['../evil', 'tiny/model/../../../evil', '/etc/evil', String.raw`tiny\..\..\..\evil`])(
    'with a file named %s is refused whole',
    async (name) => {
      expect(await failure(wheel({ ...files, [name]: 'evil' }))).toMatchObject({ code: 'invalid_model' });
      expect(filesIn(folder)).toEqual(['tiny.whl']);
    },
  );
});
