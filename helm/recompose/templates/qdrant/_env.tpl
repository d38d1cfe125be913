{{/* $: how a gateway reaches the index. */}}
{{- define "recompose.qdrant.env" -}}
{{- with .Values.qdrant.external }}
{{- if .url -}}
- name: QDRANT_URL
  value: {{ .url }}
{{- if .apiKeySecret }}
- name: QDRANT_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .apiKeySecret }}
      key: api-key
{{- end }}
{{- else -}}
- name: QDRANT_URL
  value: http://{{ include "recompose.object" (list $ "qdrant") }}:6334
{{ include "recompose.env.secret" (list $ "QDRANT_API_KEY" "qdrant-api-key") }}
{{- end }}
{{- end }}
{{- end -}}
