// helm test: asks the router one question, as any client would, and ends with 0 when a model has answered.
const {
  QWENFLEET_URL: url,
  QWENFLEET_MODEL: model,
  QWENFLEET_API_KEY: key,
  QWENFLEET_TIMEOUT_SECONDS: seconds,
} = process.env;
const deadline = AbortSignal.timeout(Number(seconds) * 1000);
const retryMs = 2000;

const ask = () =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({
      model,
      max_tokens: 16,
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
    }),
    signal: deadline,
  });

// A router that is not up yet, a pool that starts and a queue that is full all pass; any other refusal does not.
const passes = new Set([429, 502, 503, 504]);
let last = 'nothing was asked';
while (!deadline.aborted) {
  try {
    const response = await ask();
    const body = await response.text();
    last = `${response.status} ${body}`;
    if (response.ok) {
      const message = JSON.parse(body).choices?.[0]?.message;
      const words = message?.content || message?.reasoning_content;
      if (!words) break;
      process.stdout.write(`pool ${response.headers.get('x-qwenfleet-pool')} answered: ${words.trim()}\n`);
      process.exit(0);
    }
    if (!passes.has(response.status)) break;
  } catch (error) {
    if (!deadline.aborted) last = `${error.message}: ${error.cause?.message ?? 'no cause'}`;
  }
  await new Promise((resolve) => setTimeout(resolve, retryMs));
}
process.stderr.write(`${url} gave no answer: ${last}\n`);
process.exit(1);
