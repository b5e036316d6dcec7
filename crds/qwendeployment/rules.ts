import { durationMs } from '@qwenfleet/core/duration';
import { tierOf } from '@qwenfleet/core/fleet/tier';
import type { z } from 'zod';
import { nameRules, rule, type Rule } from '../rule.ts';
import { uriSchemes } from './model.ts';
import type { specSchema } from './spec.ts';

type Spec = z.infer<typeof specSchema>;
type Whole = { metadata: { name: string }; spec: Spec };
type Scaling = NonNullable<Spec['scaling']>;
type Schedule = NonNullable<Scaling['schedules']>[number];

const sameTier = (names: readonly string[]): string =>
  `(self.tier in [${names.map((name) => `'${name}'`).join(', ')}] && self.coldStart.fallbackTier in [${names.map((name) => `'${name}'`).join(', ')}])`;

const modelRules: Rule[] = [
  ...nameRules(''),
  rule<string>({
    id: 'uri-scheme',
    path: 'spec.model.uri',
    cel: `[${uriSchemes.map((scheme) => `'${scheme}://'`).join(', ')}].exists(scheme, self.startsWith(scheme))`,
    message: `model.uri must begin with one of ${uriSchemes.map((scheme) => `${scheme}://`).join(', ')}`,
    holds: (self) => uriSchemes.some((scheme) => self.startsWith(`${scheme}://`)),
  }),
  rule<Spec['model']>({
    id: 'pvc-without-revision',
    path: 'spec.model',
    fieldPath: '.revision',
    cel: "!has(self.uri) || !self.uri.startsWith('pvc://') || !has(self.revision)",
    message: 'a pvc:// model has no revision; remove model.revision, or name another path',
    holds: (self) => !self.uri?.startsWith('pvc://') || self.revision === undefined,
  }),
  rule<Spec>({
    id: 'uri-required',
    path: 'spec',
    fieldPath: '.model.uri',
    cel: "has(self.model.uri) || (has(self.engine.type) && self.engine.type == 'external')",
    message: 'model.uri is required: say where the weights are, such as hf://Qwen/Qwen3-0.6B',
    holds: (self) => self.model.uri !== undefined || self.engine.type === 'external',
  }),
  rule<Spec['model']>({
    id: 'served-name-immutable',
    path: 'spec.model',
    transition: true,
    fieldPath: '.servedName',
    cel: 'has(self.servedName) == has(oldSelf.servedName) && (!has(self.servedName) || self.servedName == oldSelf.servedName)',
    message: 'model.servedName cannot change, because clients use it; create another QwenDeployment',
    holds: (self, before) => self.servedName === before.servedName,
  }),
  rule<Whole>({
    id: 'adapter-names',
    path: '',
    fieldPath: '.spec.adapters',
    cel: '!has(self.spec.adapters) || self.spec.adapters.all(adapter, adapter.name != (has(self.spec.model.servedName) ? self.spec.model.servedName : self.metadata.name))',
    message: 'an adapter needs a name other than the model itself; rename the adapter',
    holds: ({ metadata, spec }) =>
      (spec.adapters ?? []).every((adapter) => adapter.name !== (spec.model.servedName ?? metadata.name)),
  }),
];

const shapeRules: Rule[] = [
  rule<string>({
    id: 'tier-immutable',
    path: 'spec.tier',
    transition: true,
    cel: 'self == oldSelf',
    message: 'tier cannot change, because the router sends traffic by it; create another QwenDeployment',
    holds: (self, before) => self === before,
  }),
  rule<Spec>({
    id: 'fallback-tier',
    path: 'spec',
    fieldPath: '.coldStart.fallbackTier',
    cel: `!has(self.coldStart.fallbackTier) || !(${[
      ['small', '7b', '7B'],
      ['medium', '13b', '13B'],
      ['large', '70b', '70B'],
    ]
      .map(sameTier)
      .join(' || ')})`,
    message: 'coldStart.fallbackTier must be another tier than tier; write one of the other two, or leave it out',
    holds: (self) =>
      self.coldStart.fallbackTier === undefined || tierOf(self.coldStart.fallbackTier) !== tierOf(self.tier),
  }),
  rule<Spec>({
    id: 'hardware-required',
    path: 'spec',
    fieldPath: '.hardware',
    cel: "has(self.hardware) || (has(self.engine.type) && self.engine.type == 'external')",
    message: 'hardware is required: name a HardwareClass, such as {class: cpu, count: 1}',
    holds: (self) => self.hardware !== undefined || self.engine.type === 'external',
  }),
  rule<Spec['engine']>({
    id: 'external-url',
    path: 'spec.engine',
    fieldPath: '.url',
    cel: "has(self.url) == (has(self.type) && self.type == 'external')",
    message: 'engine.url and engine.type: external belong together; write both or neither',
    holds: (self) => (self.url !== undefined) === (self.type === 'external'),
  }),
  rule<Spec>({
    id: 'parallelism',
    path: 'spec',
    fieldPath: '.parallelism',
    cel: '!has(self.parallelism) || !has(self.hardware) || (self.parallelism.tensor * self.parallelism.pipeline) % self.hardware.count == 0',
    message: 'parallelism.tensor times parallelism.pipeline must be hardware.count, or a multiple of it to span nodes',
    holds: ({ parallelism, hardware }) =>
      !parallelism || !hardware || (parallelism.tensor * parallelism.pipeline) % hardware.count === 0,
  }),
  rule<Spec>({
    id: 'hot-update',
    path: 'spec',
    fieldPath: '.update.hot',
    cel: "!has(self.update) || !has(self.update.hot) || self.update.hot != 'Auto' || !has(self.engine.type) || self.engine.type == 'qwen'",
    message: 'update.hot: Auto needs engine.type qwen; write Never, or leave it out',
    holds: (self) => self.update?.hot !== 'Auto' || (self.engine.type ?? 'qwen') === 'qwen',
  }),
];

const scalingRules: Rule[] = [
  rule<Spec>({
    id: 'replicas-or-scaling',
    path: 'spec',
    fieldPath: '.replicas',
    transition: 'optional',
    // What another scaler left behind may stay when it hands over: who applies the spec never wrote it.
    cel: "!has(self.replicas) || !has(self.scaling) || self.scaling.owner != 'Internal' || (oldSelf.hasValue() && has(oldSelf.value().scaling) && has(oldSelf.value().replicas) && oldSelf.value().replicas == self.replicas)",
    message: 'replicas and scaling exclude each other; remove one, or set scaling.owner to who writes replicas',
    holds: (self, before) =>
      self.replicas === undefined ||
      self.scaling?.owner !== 'Internal' ||
      (before?.scaling !== undefined && before.replicas === self.replicas),
  }),
  rule<Scaling>({
    id: 'replica-bounds',
    path: 'spec.scaling',
    fieldPath: '.minReplicas',
    cel: 'self.minReplicas <= self.maxReplicas',
    message: 'scaling.minReplicas may not be above scaling.maxReplicas; lower the one or raise the other',
    holds: (self) => self.minReplicas <= self.maxReplicas,
  }),
  rule<Scaling>({
    id: 'max-replicas',
    path: 'spec.scaling',
    fieldPath: '.maxReplicas',
    cel: 'self.maxReplicas >= 1',
    message: 'scaling.maxReplicas must be at least 1; to have no replicas, set suspend: true',
    holds: (self) => self.maxReplicas >= 1,
  }),
  rule<Scaling>({
    id: 'scale-to-zero',
    path: 'spec.scaling',
    fieldPath: '.scaleToZeroAfter',
    cel: '!has(self.scaleToZeroAfter) || self.minReplicas == 0',
    message: 'scaling.scaleToZeroAfter needs scaling.minReplicas: 0; write that, or leave scaleToZeroAfter out',
    holds: (self) => self.scaleToZeroAfter === undefined || self.minReplicas === 0,
  }),
  rule<Scaling['window']>({
    id: 'windows',
    path: 'spec.scaling.window',
    fieldPath: '.panic',
    cel: 'duration(self.panic) < duration(self.stable)',
    message: 'scaling.window.panic must be shorter than scaling.window.stable, such as 6s and 60s',
    holds: (self) => durationMs(self.panic) < durationMs(self.stable),
  }),
  rule<Scaling['window']>({
    id: 'panic-threshold',
    path: 'spec.scaling.window',
    fieldPath: '.panicThreshold',
    cel: 'self.panicThreshold > 100',
    message: 'scaling.window.panicThreshold is a percentage above 100, such as 200',
    holds: (self) => self.panicThreshold > 100,
  }),
  rule<Schedule>({
    id: 'schedule-bounds',
    path: 'spec.scaling.schedules[]',
    fieldPath: '.minReplicas',
    cel: '!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas',
    message: 'minReplicas of a schedule may not be above its maxReplicas; lower the one or raise the other',
    holds: (self) =>
      self.minReplicas === undefined || self.maxReplicas === undefined || self.minReplicas <= self.maxReplicas,
  }),
];

const rolloutRules: Rule[] = [
  rule<Spec['rollout']>({
    id: 'surge-or-unavailable',
    path: 'spec.rollout',
    fieldPath: '.maxUnavailable',
    cel: 'self.maxSurge > 0 || self.maxUnavailable > 0',
    message:
      'rollout.maxSurge and rollout.maxUnavailable cannot both be 0, or nothing could be replaced; write maxUnavailable: 1, or maxSurge: 1 where devices are spare',
    holds: (self) => self.maxSurge > 0 || self.maxUnavailable > 0,
  }),
  rule<Spec['rollout']>({
    id: 'canary-strategy',
    path: 'spec.rollout',
    fieldPath: '.strategy',
    cel: "has(self.canary) == (self.strategy == 'Canary')",
    message: 'rollout.canary and rollout.strategy: Canary belong together; write both or neither',
    holds: (self) => (self.canary !== undefined) === (self.strategy === 'Canary'),
  }),
  rule<NonNullable<Spec['rollout']['canary']>>({
    id: 'canary-ascending',
    path: 'spec.rollout.canary',
    fieldPath: '.steps',
    cel: 'self.steps.map(step, step.weight).isSorted() && self.steps.all(step, self.steps.exists_one(other, other.weight == step.weight))',
    message: 'the weights of rollout.canary.steps must ascend, such as 5, 25, 50',
    holds: (self) => self.steps.every((step, at) => at === 0 || step.weight > (self.steps[at - 1]?.weight ?? 0)),
  }),
  rule<Spec['rollout']>({
    id: 'ab-test-strategy',
    path: 'spec.rollout',
    fieldPath: '.abTest',
    cel: "!has(self.abTest) || self.strategy != 'Canary'",
    message:
      'rollout.abTest and rollout.strategy: Canary exclude each other: one compares, the other replaces; remove one',
    holds: (self) => self.abTest === undefined || self.strategy !== 'Canary',
  }),
  rule<Spec['drain']>({
    id: 'grace-period',
    path: 'spec.drain',
    fieldPath: '.gracePeriod',
    cel: "duration(self.gracePeriod) >= duration(self.preStop) + duration('10s')",
    message: 'drain.gracePeriod must be at least 10s more than drain.preStop, or streams are cut',
    holds: (self) => durationMs(self.gracePeriod) >= durationMs(self.preStop) + 10_000,
  }),
];

export const deploymentRules: readonly Rule[] = [...modelRules, ...shapeRules, ...scalingRules, ...rolloutRules];
