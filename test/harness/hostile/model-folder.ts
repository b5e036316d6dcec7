import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Makes something that lies at `at`, from a checkpoint that is honest, and says where the model is. */
export type Make = (at: string, honest: string) => string;

/** A file or folder that nobody should load. */
export type Hostile = {
  name: string;
  make: Make;
  /** What the refusal says of it. */
  says: RegExp;
};

type Json = Record<string, unknown>;

/** One file instead of a folder. */
export const file =
  (bytes: Buffer): Make =>
  (at) => {
    writeFileSync(`${at}.gguf`, bytes);
    return `${at}.gguf`;
  };

/** A copy of the honest folder, changed. */
export const folder =
  (change: (at: string) => void): Make =>
  (at, honest) => {
    cpSync(honest, at, { recursive: true });
    change(at);
    return at;
  };

export const bytes = (name: string, value: Buffer | string): Make =>
  folder((at) => writeFileSync(path.join(at, name), value));

/** One of its text files, changed. */
export const edited = (name: string, change: (text: string) => string): Make =>
  folder((at) => {
    const target = path.join(at, name);
    writeFileSync(target, change(readFileSync(target, 'utf8')));
  });

const json = (name: string, change: (value: Json) => Json): Make =>
  edited(name, (text) => JSON.stringify(change(JSON.parse(text) as Json)));

export const config = (changes: object): Make => json('config.json', (value) => ({ ...value, ...changes }));
export const tokenizer = (changes: object): Make => json('tokenizer.json', (value) => ({ ...value, ...changes }));
export const template = (value: string): Make => bytes('chat_template.jinja', value);

/** A link in place of one of its files. */
export const link = (name: string, target: string): Make =>
  folder((at) => {
    rmSync(path.join(at, name));
    symlinkSync(target, path.join(at, name));
  });

/** `open` and `close` around a core, so many times. */
export const nested = (open: string, times: number, close: string, core = ''): string =>
  open.repeat(times) + core + close.repeat(times);
