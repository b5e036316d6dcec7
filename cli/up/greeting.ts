import { widthMax, type Terminal } from '../terminal.ts';

export type GreetedPool = { name: string; state: string; serves: string; why: string };

export type Greeting = {
  url: string;
  profile: string | undefined;
  /** True when the endpoint wants a key. */
  guarded: boolean;
  pools: readonly GreetedPool[];
};

/** The whole greeting stays under this many lines, so that it fits a terminal beside what came before. */
export const greetingLinesMax = 19;
const poolLinesMax = 5;

/** What somebody who has just typed `npm start` needs, in under 20 lines. */
export function renderGreeting({ url, profile, guarded, pools }: Greeting, terminal: Pick<Terminal, 'style'>): string {
  const shown = pools.slice(0, poolLinesMax);
  const nameWidth = Math.max(...shown.map((pool) => pool.name.length), 4);
  const stateWidth = Math.max(...shown.map((pool) => pool.state.length));
  const poolLines = shown.map((pool) => {
    const why = pool.why === '' ? '' : ` (${pool.why})`;
    return oneLine(`  ${pool.name.padEnd(nameWidth)}  ${pool.state.padEnd(stateWidth)}  ${pool.serves}${why}`);
  });
  const state = pools.every((pool) => pool.state === 'unavailable') ? ', and no pool answers' : '';
  const more = pools.length > shown.length ? [`  and ${pools.length - shown.length} more: see status`] : [];
  return [
    terminal.style('bold', `qwenfleet is up${profile === undefined ? '' : `, profile ${profile}`}${state}.`),
    '',
    `  Endpoint    ${terminal.style('cyan', `${url}/v1`)}`,
    `  Playground  ${terminal.style('cyan', `${url}/`)}`,
    '',
    'Pools:',
    ...poolLines,
    ...more,
    '',
    'Try it:',
    `  ${curlLine(url, guarded)}`,
    '  npm run qwenfleet -- chat',
    '',
    'Ctrl-C stops every process.',
  ].join('\n');
}

/** A reason may be long and of several lines; `status` has the whole of it. */
function oneLine(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ');
  return line.length <= widthMax ? line : `${line.slice(0, widthMax - 1)}…`;
}

/** One line that a shell takes as it is. */
export function curlLine(url: string, guarded: boolean): string {
  const key = guarded ? ` -H "authorization: Bearer $QWENFLEET_API_KEY"` : '';
  const body =
    '{"model":"auto","temperature":0,"messages":[{"role":"user","content":"What is the capital of France?"}]}';
  return `curl -s ${url}/v1/chat/completions${key} -H 'content-type: application/json' -d '${body}'`;
}
