import { z } from 'zod';
import type { Cluster } from './cluster.ts';

/** One question to the authorizer. A namespace that is left out means the whole cluster. */
export type Question = { verb: string; apiGroup: string; resource: string; namespace?: string };

const rules = z.object({
  status: z.object({
    incomplete: z.boolean(),
    resourceRules: z.array(
      z.object({
        verbs: z.array(z.string()),
        apiGroups: z.array(z.string()).optional(),
        resources: z.array(z.string()).optional(),
      }),
    ),
  }),
});

/** Which of these the API server would let a user do: what `kubectl auth can-i` says, in one call. */
export async function allowed(cluster: Cluster, user: string, questions: readonly Question[]): Promise<Question[]> {
  const items = questions.map(({ namespace, verb, apiGroup, resource }) => {
    const [name = '', subresource = ''] = resource.split('/');
    return {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, resourceAttributes: { namespace, verb, group: apiGroup, resource: name, subresource } },
    };
  });
  const list = { apiVersion: 'v1', kind: 'List', items };
  const answers = (await create(cluster, ['--output=jsonpath={.status.allowed}{"\\n"}'], list)).trim().split('\n');
  if (answers.length !== questions.length)
    throw new Error(`${answers.length} answers to ${questions.length} questions`);
  return questions.filter((_, index) => answers[index] === 'true');
}

/** Everything that a user may do to resources in a namespace, as `verb group/resource`, sorted. */
export async function everythingAllowed(cluster: Cluster, user: string, namespace: string): Promise<string[]> {
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } };
  const { status } = rules.parse(JSON.parse(await create(cluster, ['--as', user, '--output=json'], review)));
  if (status.incomplete) throw new Error('the authorizer does not know all rules');
  const atoms = status.resourceRules.flatMap(({ verbs, apiGroups = [], resources = [] }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((apiGroup) => resources.map((resource) => `${verb} ${apiGroup}/${resource}`)),
    ),
  );
  return [...new Set(atoms)].toSorted();
}

async function create(cluster: Cluster, args: string[], object: object): Promise<string> {
  // A user without rights may not read the schemas that kubectl would check it against.
  const { code, stdout, stderr } = await cluster.kubectl(
    ['create', '--filename=-', '--validate=false', ...args],
    JSON.stringify(object),
  );
  if (code !== 0) throw new Error(`kubectl create: ${stderr}`);
  return stdout;
}
