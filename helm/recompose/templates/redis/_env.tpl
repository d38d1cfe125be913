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

{{/* (list $ ROLE): how an exporter reaches the Redis of a role. */}}
{{- define "recompose.redis.exporter.env" -}}
{{- $root := index . 0 -}}
{{- $role := index . 1 -}}
{{- with $root.Values.redis.external.secret -}}
- name: REDIS_ADDR
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $role }}-url
{{- else -}}
- name: REDIS_ADDR
  value: redis://{{ include "recompose.object" (list $root (printf "redis-%s" $role)) }}:6379
{{ include "recompose.env.secret" (list $root "REDIS_PASSWORD" "redis-password") }}
{{- end -}}
{{- end -}}

{{/* A role's values: memory of its container; a quarter over what Redis keeps, for buffers and
fragmentation. */}}
{{- define "recompose.redis.memory" -}}
{{ add (div (mul (int .maxMemoryMiB) 5) 4) 32 }}Mi
{{- end -}}
