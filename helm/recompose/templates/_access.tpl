{{/* $: who may call a gateway, as its settings. */}}
{{- define "recompose.access.env" -}}
{{- if .Values.access.secret }}
- name: API_KEYS_FILE
  value: /access/api-keys.toml
{{- end }}
{{- with .Values.access.oidc.issuer }}
- name: OIDC_ISSUER
  value: {{ . }}
- name: OIDC_AUDIENCE
  value: {{ $.Values.access.oidc.audience | quote }}
{{- end }}
{{- with .Values.access.corsOrigins }}
- name: CORS_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- end -}}

{{/* (list $ KEY): the key of a part of the release that calls the gateway. */}}
{{- define "recompose.access.key" -}}
{{- with (index . 0).Values.access.secret }}
- name: RECOMPOSE_API_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ index $ 1 }}
{{- end }}
{{- end -}}
