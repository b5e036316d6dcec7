import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { ILifecycleHandler } from 'kubernetes-models/v1/LifecycleHandler';
import { graceSeconds, httpPort, preStopSeconds } from '../engine.ts';

/**
 * vLLM ends running requests when it is told to stop, so the kubelet is kept waiting until there are none: by Python,
 * which the image is bound to have. A server that refuses connections has nothing left to finish; a slow one has.
 */
export const drainScript = `
import sys, time, urllib.error, urllib.request
url, notice, limit = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
def busy():
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except urllib.error.URLError as error:
        return isinstance(error.reason, TimeoutError)
    except OSError:
        return True
    names = ("vllm:num_requests_running", "vllm:num_requests_waiting")
    return any(line.startswith(names) and float(line.rsplit(" ", 1)[1]) > 0 for line in lines)
time.sleep(notice)
end = time.monotonic() + limit
while time.monotonic() < end and busy():
    time.sleep(0.5)
`.trim();

/** Time to notice, then until nothing runs, and no longer than the grace period. */
export const drain = (deployment: QwenDeployment): ILifecycleHandler => ({
  exec: {
    command: [
      'python3',
      '-c',
      drainScript,
      `http://127.0.0.1:${httpPort}/metrics`,
      String(preStopSeconds(deployment)),
      String(graceSeconds(deployment)),
    ],
  },
});
