import type { QwenDeployment } from '@qwenfleet/crds/kinds';
import type { Gap, Substrate } from '../reconcile/substrate.ts';
import type { Capabilities } from '../specs/capabilities.ts';
import { engineTypes } from '../specs/engine/registry.ts';
import { poolRefusal } from '../specs/pool/refusal.ts';
import { cacheGaps } from '../specs/weights/cache.ts';
import { podSchemes } from '../specs/weights/registry.ts';

type Spec = QwenDeployment['spec'];

/** Threads of a replica whose hardware class reserves no CPU. */
const threadsDefault = 2;

const schemeOf = ({ model }: Spec): string | undefined => model.uri?.split('://')[0];
/** Sources that ask for no secret; a Secret beside one of these is a misunderstanding. */
const openSchemes: readonly (string | undefined)[] = ['pvc', 'https', 'wheel', 'file'];

/** Those by which the runtime pulls folders by itself. */
const folderSchemes = ['hf', 's3', 'wheel'];

/** Fields that nothing in a cluster acts on yet. */
const gaps: readonly Gap<Spec>[] = [
  ...cacheGaps,
  {
    path: 'spec.model.secretRef',
    reason: 'this kind of address asks for no secret; hf://, s3:// and oci:// do',
    applies: (spec) => spec.model.secretRef !== undefined && openSchemes.includes(schemeOf(spec)),
  },
  {
    path: 'spec.model.verify.sha256',
    reason: 'weights on a volume are not checked by engines other than qwen',
    applies: (spec) =>
      spec.model.verify?.sha256 !== undefined &&
      ['pvc', 'oci', 'file'].includes(schemeOf(spec) ?? '') &&
      spec.engine.type !== undefined &&
      spec.engine.type !== 'qwen',
  },
  {
    path: 'spec.model.verify.sha256Manifest',
    reason: 'lists of digests are not read yet; verify.sha256 is checked',
    applies: ({ model }) => model.verify?.sha256Manifest !== undefined,
  },
];

/** What a cluster with these neighbours can do. */
export function clusterSubstrate(capabilities: Capabilities): Substrate {
  return {
    name: 'this cluster',
    engines: engineTypes,
    schemes: podSchemes,
    // A pod has the credentials and the way out that its model needs.
    adapterSchemes: (model) => folderSchemes.filter((scheme) => scheme === model),
    threads: threadsDefault,
    reservesCpu: true,
    accelerators: true,
    deploymentGaps: [...gaps, ...absenceGaps(capabilities)],
    refusal: (candidate) => poolRefusal(candidate, capabilities),
  };
}

/** Fields that only a neighbour acts on, which is not here. */
const absenceGaps = ({ kueue, prometheusOperator }: Capabilities): Gap<Spec>[] => [
  {
    path: 'spec.scheduling.queueName',
    reason: 'Kueue is not in this cluster: pods start without waiting for a queue',
    applies: ({ scheduling }) => scheduling?.queueName !== undefined && !kueue,
  },
  {
    path: 'spec.slo',
    reason: 'the Prometheus operator is not in this cluster: there are no alerts',
    applies: ({ slo }) => slo !== undefined && !prometheusOperator,
  },
];
