// Loaded before everything else in an image, whose .ts files hold no types any more: what strips them would cost each
// process 22 MB and a third of a second.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  load: (url, context, next) =>
    url.startsWith('file:') && url.endsWith('.ts')
      ? { format: 'module', source: readFileSync(new URL(url)), shortCircuit: true }
      : next(url, context),
});
