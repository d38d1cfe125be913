{{/* All names begin with this; 28 characters leave room for what Kubernetes appends. Each holds
'recompose', by which alerts know its Jobs and claims. A cut name ends in a hash, so that two long
releases do not meet; a Service's begins with a letter and has no dots. */}}
{{- define "recompose.fullname" -}}
{{- $name := .Release.Name | replace "." "-" -}}
{{- if regexMatch "^[0-9]" $name -}}
{{- $name = printf "r%s" $name -}}
{{- end -}}
{{- if not (contains "recompose" $name) -}}
{{- $name = printf "%s-recompose" $name -}}
{{- end -}}
{{- if gt (len $name) 28 -}}
{{- printf "%s-recompose-%s" ($name | trunc 12 | trimSuffix "-") (sha256sum $name | trunc 5) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{/* (list $ SUFFIX): the name of an object. */}}
{{- define "recompose.object" -}}
{{ include "recompose.fullname" (index . 0) }}-{{ index . 1 }}
{{- end -}}

{{/* (list $ COMPONENT): what selects a component's pods; never changes, since selectors may not. */}}
{{- define "recompose.selector" -}}
app.kubernetes.io/name: recompose
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* (list $ COMPONENT): all labels. */}}
{{- define "recompose.labels" -}}
{{- $root := index . 0 -}}
{{ include "recompose.selector" . }}
app.kubernetes.io/part-of: recompose
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end -}}

{{/* (list $ COMPONENT [SUFFIX]): name, namespace and labels; SUFFIX is the component's where left
out. */}}
{{- define "recompose.metadata" -}}
name: {{ include "recompose.object" (list (index . 0) (last .)) }}
namespace: {{ (index . 0).Release.Namespace }}
labels:
  {{- include "recompose.labels" . | nindent 2 }}
{{- end -}}

{{/* (list $ COMPONENT...): peers of a NetworkPolicy. */}}
{{- define "recompose.peers" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: recompose
      app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
    matchExpressions:
      - key: app.kubernetes.io/component
        operator: In
        values:
          {{- range rest . }}
          - {{ . }}
          {{- end }}
{{- end -}}

{{/* What monitors look for: of a component's Services one names each pod once. */}}
{{- define "recompose.scraped" -}}
recompose/scraped: "true"
{{- end -}}
