{{- define "qwenfleet.name" -}}
{{- .Values.nameOverride | default .Chart.Name }}
{{- end }}

{{/* Beginning of the names of objects in the namespace of the release. */}}
{{- define "qwenfleet.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride }}
{{- else if contains (include "qwenfleet.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "qwenfleet.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Name of objects elsewhere: releases of one name in several namespaces must not meet there. */}}
{{- define "qwenfleet.globalName" -}}
{{- printf "%s-%s" .Release.Namespace (include "qwenfleet.fullname" .) | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "qwenfleet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "qwenfleet.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "qwenfleet.labels" -}}
{{ include "qwenfleet.selectorLabels" . }}
{{ include "qwenfleet.releaseLabels" . }}
{{- end }}

{{- define "qwenfleet.releaseLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: qwenfleet
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "qwenfleet.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "qwenfleet.fullname" .) }}
{{- end }}

{{/* Call with a list: the root, and the name of an image. */}}
{{- define "qwenfleet.image" -}}
{{- $root := index . 0 -}}
{{- $image := get $root.Values.images (index . 1) -}}
{{- $repository := printf "%s/%s" $root.Values.images.registry $image.repository | trimPrefix "/" -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest }}
{{- else -}}
{{- printf "%s:%s" $repository ($image.tag | default $root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* Both levels of what Pod Security calls restricted. */}}
{{- define "qwenfleet.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "qwenfleet.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- define "qwenfleet.subject" -}}
- kind: ServiceAccount
  name: {{ include "qwenfleet.serviceAccountName" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* Selects the namespaces that the operator serves. */}}
{{- define "qwenfleet.namespaceSelector" -}}
{{- if .Values.scope.namespaces -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: In
    values: {{ toJson .Values.scope.namespaces }}
{{- else -}}
{}
{{- end }}
{{- end }}

{{/* Where the fleet of this release lives; the operator must serve it. */}}
{{- define "qwenfleet.fleetNamespace" -}}
{{- $namespace := .Values.fleet.namespace | default .Release.Namespace -}}
{{- if and .Values.scope.namespaces (not (has $namespace .Values.scope.namespaces)) -}}
{{- fail (printf "\n\nfleet.namespace is %s, which scope.namespaces leaves out: nobody would serve the fleet. Set fleet.namespace to one of %s.\n" $namespace (join ", " .Values.scope.namespaces)) -}}
{{- end -}}
{{- $namespace }}
{{- end }}

{{/* What `helm test` and the notes talk to; empty without a fleet. */}}
{{- define "qwenfleet.routerUrl" -}}
{{- if .Values.test.url -}}
{{- .Values.test.url | trimSuffix "/" }}
{{- else if .Values.fleet.pools -}}
{{- printf "http://%s.%s.svc:%d" .Values.fleet.router.name (include "qwenfleet.fleetNamespace" .) (include "qwenfleet.routerPort" . | int) }}
{{- end }}
{{- end }}

{{- define "qwenfleet.routerPort" -}}
{{- dig "listen" "port" 8080 .Values.fleet.router.spec | int }}
{{- end }}

{{/* What the operator is told of its neighbours, as JSON; fields that are empty are left out. */}}
{{- define "qwenfleet.integrations" -}}
{{- $found := dict -}}
{{- with .Values.metrics.monitorLabels }}{{- $_ := set $found "monitorLabels" . }}{{- end -}}
{{- with .Values.metrics.runbooksUrl }}{{- $_ := set $found "runbooksUrl" . }}{{- end -}}
{{- range $name := list "gateway" "endpointPicker" -}}
{{- $given := dict -}}
{{- range $key, $value := index $.Values.neighbours $name -}}
{{- if $value }}{{- $_ := set $given $key $value }}{{- end -}}
{{- end -}}
{{- if $given.name }}{{- $_ := set $found $name $given }}{{- end -}}
{{- end -}}
{{- toJson $found -}}
{{- end }}
