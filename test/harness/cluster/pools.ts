/** A QwenDeployment of the small tier as YAML. @param spec more lines of its spec, indented by two spaces from the second on. */
export const poolText = (name: string, spec: string, uri = 'hf://Qwen/Qwen2.5-7B-Instruct'): string => `
apiVersion: qwenfleet.io/v1alpha1
kind: QwenDeployment
metadata: {name: ${name}}
spec:
  tier: small
  model: {uri: "${uri}"}
  ${spec}
`;
