{{/* (list GATEWAY HOST): which gateway a route belongs to, and for which host. */}}
{{- define "recompose.route" -}}
{{- $gateway := index . 0 -}}
parentRefs:
  - name: {{ $gateway.name }}
    {{- with $gateway.namespace }}
    namespace: {{ . }}
    {{- end }}
hostnames: [{{ index . 1 | quote }}]
{{- end -}}
