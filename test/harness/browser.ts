import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { root } from '../house/imports.ts';
import { faintTexts, unnamedElements } from './browser-checks.js';

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is, installed first where a script may do that; undefined, and said aloud, where there is none. */
export async function findChromium(): Promise<string | undefined> {
  const found = places.find((place) => existsSync(place));
  if (found !== undefined) return found;
  const child = spawn(process.execPath, ['scripts/browser.ts'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  await once(child, 'exit');
  const installed = places.find((place) => existsSync(place));
  if (installed === undefined) process.stderr.write('SKIPPED: the browser test, for there is no Chromium here.\n');
  return installed;
}

export const launch = (executablePath: string): Promise<Browser> => chromium.launch({ executablePath, args: flags });

export type Complaints = { errors: string[]; elsewhere: string[] };

/** Collects what a page should never do: errors in its console, and requests beyond its own origin. */
export function watchPage(page: Page, origin: string): Complaints {
  const complaints: Complaints = { errors: [], elsewhere: [] };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.errors.push(message.text());
  });
  page.on('pageerror', (error) => complaints.errors.push(error.message));
  page.on('request', (request) => {
    const { origin: to, protocol } = new URL(request.url());
    if (to !== origin && protocol !== 'data:') complaints.elsewhere.push(request.url());
  });
  return complaints;
}

/** Where screenshots go, for people to look at; the folder is ignored by git. */
export const screenshotFile = (name: string): string => path.join(root, '.cache/screenshots', `${name}.png`);

/** What a person with a screen reader, or with weaker eyes, would stumble over; empty when nothing. */
export async function stumbles(page: Page): Promise<string[]> {
  return [...(await page.evaluate(unnamedElements)), ...(await page.evaluate(faintTexts))];
}
