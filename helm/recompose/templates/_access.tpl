{{/* $: who may call a gateway, as its settings. */}}
{{- define "recompose.access.env" -}}
- name: API_KEYS_FILE
  value: /access/api-keys.toml
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
