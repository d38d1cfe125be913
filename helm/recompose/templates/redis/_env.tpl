{{/* $: how a gateway reaches its caches; addresses hold passwords, so they come from a Secret. */}}
{{- define "recompose.redis.env" -}}
{{- $secret := .Values.redis.external.secret -}}
{{- if $secret -}}
- name: REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: cache-url
- name: SNAPSHOT_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: rankings-url
{{- else -}}
{{ include "recompose.env.secret" (list . "REDIS_PASSWORD" "redis-password") }}
- name: REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "recompose.object" (list . "redis-cache") }}:6379/0
- name: SNAPSHOT_REDIS_URL
  value: redis://:$(REDIS_PASSWORD)@{{ include "recompose.object" (list . "redis-rankings") }}:6379/0
{{- end -}}
{{- end -}}

{{/* A role's values: memory of its container; a quarter over what Redis keeps, for buffers and
fragmentation. */}}
{{- define "recompose.redis.memory" -}}
{{ add (div (mul (int .maxMemoryMiB) 5) 4) 32 }}Mi
{{- end -}}
