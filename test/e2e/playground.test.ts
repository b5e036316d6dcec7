import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, launch, screenshotFile, stumbles, watchPage, type Complaints } from '../harness/browser.ts';
import { servePlayground, type PlaygroundServer } from '../harness/browser-router.ts';

const chromiumPath = await findChromium();

describe.skipIf(chromiumPath === undefined)('the playground', () => {
  let browser: Browser;
  let server: PlaygroundServer;
  let page: Page;
  let complaints: Complaints;

  beforeAll(async () => {
    mkdirSync(path.dirname(screenshotFile('any')), { recursive: true });
    server = await servePlayground();
    browser = await launch(chromiumPath ?? '');
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(async () => {
    expect(complaints).toEqual({ errors: [], elsewhere: [] });
    await page.close();
  });

  async function open(options: BrowserContextOptions = {}): Promise<void> {
    page = await browser.newPage({ viewport: { width: 1280, height: 860 }, ...options });
    page.setDefaultTimeout(15_000);
    complaints = watchPage(page, new URL(server.url).origin);
    await page.goto(server.url);
    await page.locator('.pool').nth(2).waitFor();
  }
  async function ask(prompt: string): Promise<void> {
    await page.getByLabel('Your message').fill(prompt);
    await page.keyboard.press('Enter');
  }
  const turn = (index: number) => page.locator('.turn').nth(index);
  /** A turn is over when what one can do with its answer shows. */
  const finished = (index: number) => turn(index).getByRole('button', { name: 'Ask again' }).waitFor();
  const scrolls = () => page.evaluate('document.documentElement.scrollWidth > innerWidth');

  it('streams an answer and says beside it which pool took it and why', async () => {
    await open();
    server.say({ pieces: ['Paris', ' is', ' the', ' capital', ' of', ' **France**', '.'], everyMs: 120 });
    await ask('What is the capital of France?');
    await turn(0).getByText('Paris is', { exact: false }).waitFor();
    expect(await turn(0).getByRole('article').getAttribute('aria-busy')).toBe('true');
    await finished(0);
    const answer = turn(0).getByRole('article');
    expect(await answer.locator('.said').textContent()).toBe('Paris is the capital of France.');
    expect(await answer.locator('.said strong').textContent()).toBe('France');
    expect(await answer.locator('.by').textContent()).toMatch(/^small.*to first token.*tokens\/s.*7 tokens$/);

    const why = turn(0).getByLabel('Why this pool');
    expect(((await why.locator('.words').first().textContent()) ?? '').split(' ').length).toBeGreaterThan(5);
    expect(await why.locator('tbody tr').count()).toBe(3);
    for (const share of await why.locator('tbody .num').filter({ hasText: '%' }).allTextContents()) {
      expect(Number.parseInt(share, 10)).toBeGreaterThan(0);
    }
    expect(await why.locator('tr.taken th').textContent()).toBe('small');
    await why.getByText('What the router saw').click();
    await why.locator('.facts dt').first().waitFor();
    await why.getByText(/Raw stream/).click();
    expect(await why.locator('.chunks').textContent()).toContain('"choices"');
  });

  it('sends what is easy and what is hard to different tracks', async () => {
    await open();
    server.say({ pieces: ['Yes.'] });
    await ask('Hello, how are you?');
    await finished(0);
    await ask(
      'Prove that there are infinitely many primes congruent to 3 modulo 4, then generalise the argument and say where it breaks.',
    );
    await finished(1);
    const pools = await page.locator('.by b').allTextContents();
    expect(pools).toEqual(['small', 'large']);
    expect(await page.locator('.station').count()).toBe(2);
  });

  it('shows the pools as they are, and asks no more while nobody looks', async () => {
    await open();
    expect(await page.locator('.pool').allTextContents()).toHaveLength(3);
    const board = await page.getByLabel('Pools').textContent();
    for (const word of ['small', 'medium', 'large', 'ready']) expect(board).toContain(word);
    await page.waitForTimeout(2_500);
    const looking = server.poolRequests();
    expect(looking).toBeGreaterThanOrEqual(2);
    await page.evaluate("Object.defineProperty(document, 'hidden', { value: true })");
    await page.waitForTimeout(2_500);
    expect(server.poolRequests()).toBeLessThanOrEqual(looking + 1);
  });

  it('works with the keyboard alone: new line, send, stop, and nothing out of reach', async () => {
    await open();
    server.say({ pieces: Array.from({ length: 200 }, (_, index) => `word${index} `), everyMs: 40 });
    await page.keyboard.type('first line');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('second line');
    expect(await page.getByLabel('Your message').inputValue()).toBe('first line\nsecond line');
    await page.keyboard.press('Enter');
    await turn(0).getByText('word3', { exact: false }).waitFor();
    await page.keyboard.press('Escape');
    await finished(0);
    expect(await turn(0).locator('.by').textContent()).toContain('stopped');
    await expect.poll(() => server.running()).toBe(0);

    const reached = new Set<string>();
    for (let step = 0; step < 20; step += 1) {
      await page.keyboard.press('Shift+Tab');
      const at = await page.evaluate<{ name: string; outline: string }>(
        '({ name: document.activeElement === document.body ? "" : document.activeElement.id || document.activeElement.textContent.trim(), outline: getComputedStyle(document.activeElement).outlineStyle })',
      );
      reached.add(at.name);
      if (at.name !== '' && at.name !== 'prompt') expect(at.outline, at.name).not.toBe('none');
    }
    for (const name of ['model', 'fresh', 'Ask again', 'Copy']) expect([...reached]).toContain(name);
  });

  it('never turns what a model says into markup', async () => {
    await open();
    const evil =
      '<img src=x onerror="document.title=1"> <script>document.title=2</script> [a](javascript:alert(1)) ```html\n<b>x</b>\n```\n| <i>a</i> | b |\n|---|---|\n| <svg onload=alert(1)> | c |';
    server.say({ pieces: [...evil.match(/.{1,7}/gs)!] });
    await ask('Hello');
    await finished(0);
    expect(await page.locator('.said').locator('img, script, a, b, i, svg').count()).toBe(0);
    expect(await page.locator('.said').textContent()).toContain('onerror="document.title=1"');
    expect(await page.title()).toBe('qwenfleet playground');
  });

  it('folds what a model thinks before it answers', async () => {
    await open();
    server.say({ thoughts: ['Let me', ' think.'], pieces: ['Done.'] });
    await ask('Hello');
    await finished(0);
    const thought = turn(0).locator('.thought');
    expect(await thought.getAttribute('open')).toBeNull();
    expect(await thought.locator('summary').textContent()).toContain('Thought for');
    await thought.locator('summary').click();
    expect(await thought.textContent()).toContain('Let me think.');
  });

  it('says so when a stream breaks, and keeps what came', async () => {
    await open();
    server.say({ pieces: ['Half', ' an answer'], ending: 'cut' });
    await ask('Hello');
    await finished(0);
    expect(await turn(0).locator('.said').textContent()).toContain('Half an answer');
    expect(((await turn(0).getByRole('alert').textContent()) ?? '').length).toBeGreaterThan(20);
    server.say({ pieces: ['Well again.'] });
    await turn(0).getByRole('button', { name: 'Ask again' }).click();
    await finished(1);
    expect(await turn(1).locator('.said').textContent()).toBe('Well again.');
  });

  it.each([
    ['desktop-light', { viewport: { width: 1280, height: 860 }, colorScheme: 'light' }],
    ['desktop-dark', { viewport: { width: 1280, height: 860 }, colorScheme: 'dark' }],
    [
      'phone-light',
      { viewport: { width: 375, height: 780 }, colorScheme: 'light', hasTouch: true, deviceScaleFactor: 2 },
    ],
    [
      'phone-dark',
      { viewport: { width: 375, height: 780 }, colorScheme: 'dark', hasTouch: true, deviceScaleFactor: 2 },
    ],
  ] as const)('fits and reads well on %s', async (name, options) => {
    await open(options);
    await expect.poll(() => page.locator('.goes b').count()).toBe(4);
    await page.screenshot({ path: screenshotFile(`${name}-welcome`) });
    expect(await scrolls()).toBe(false);
    expect(await stumbles(page)).toEqual([]);
    server.say({
      pieces: [
        'There are **infinitely many**, said Euclid.\n\n',
        '```python\n',
        'primes = [2, 3, 5, 7]  # and so on, in a line that is much too long for any phone that there is\n',
        '```\n\n',
        '1. Suppose not.\n2. Multiply, add one.\n\n',
        '| n | prime |\n|---|---|\n| 2 | yes |\n',
      ],
    });
    await ask('What is the capital of France?');
    await finished(0);
    await ask('Prove that there are infinitely many primes, step by step, and generalise.');
    await finished(1);
    await turn(1).getByText('What the router saw').click();
    await page.waitForTimeout(500);
    await page.screenshot({ path: screenshotFile(`${name}-answers`) });
    expect(await scrolls()).toBe(false);
    expect(await stumbles(page)).toEqual([]);
    const dark = options.colorScheme === 'dark';
    const paper = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(Number(/\d+/.exec(paper)?.[0]) < 100).toBe(dark);
  });
});
